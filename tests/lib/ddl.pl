# ddl.pl FILE [SCHEMA IDS KEYS]: SQL that makes the tables of a document of the schema, word for word. The first document has
# its DDL; the second names tables, columns and marks: they go to SCHEMA, the ids being IDS (plain, serial or identity), with
# KEYS (foreign) or without (loose).
use strict;
use warnings;

my ($file, $schema, $ids, $keys) = @ARGV;
my $text = do { local $/; open my $in, '<', $file or die "$file: $!\n"; <$in> };

if (!$schema) {
	print "CREATE SEQUENCE $_;\n" for sort { $a cmp $b } $text =~ /nextval\('("\w+")'/g;
	print "$_;\n" for $text =~ /^(CREATE TABLE .*?^\))/gms;
	exit;
}
my %types = (serial => { integer => 'serial', bigint => 'bigserial' },
	identity => { integer => 'integer GENERATED ALWAYS AS IDENTITY', bigint => 'bigint GENERATED ALWAYS AS IDENTITY' });
print "CREATE SCHEMA IF NOT EXISTS $schema;\nSET search_path = $schema, public;\n";
while ($text =~ /^### (\S+)\n((?:- \S+\n)+)/gm) {
	my ($type, $list) = ($1, $2);
	print "CREATE TYPE $type AS ENUM (", join(', ', map { "'$_'" } $list =~ /- (\S+)/g), ");\n";
}
while ($text =~ /^    (\w+) \{\n(.*?)^    \}/gms) {
	my ($table, $body) = ($1, $2);
	next if $table eq 'spatial_ref_sys'; # comes with PostGIS, as topology.* do
	my @columns;
	for (split /\n/, $body) {
		my ($type, $name, $marks) = /^\s*(\S+) (\S+) ?(\S*)/ or die "what is '$_'?\n";
		my ($parent) = $name =~ /^(\w+)_id$/;
		push @columns, "$name " . ($name eq 'id' ? $types{$ids}{$type} // $type : $type)
			. ($marks =~ /PK/ ? ' PRIMARY KEY' : '') . ($marks =~ /FK/ && $keys eq 'foreign' ? " REFERENCES ${parent}s" : '');
	}
	print "CREATE TABLE $table (", join(', ', @columns), ");\n";
}
