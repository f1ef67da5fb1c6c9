# What the two documents of the schema say, as lines for comparison with a database:
#	column SCHEMA.TABLE NAME TYPE	key SCHEMA.TABLE COLUMN,…	reference SCHEMA.TABLE COLUMN	value SCHEMA.TYPE VALUE
# usage: perl seeds.pl PUBLIC.md ALZY.md
use strict;
use warnings;

my %types = (
	varchar => 'character varying', timestamptz => 'timestamp with time zone', float8 => 'double precision',
	map { $_ => "alzy.$_" } qw(user_role device_platform device_color session_status point_source));

sub slurp { local $/; open my $in, '<', $_[0] or die "$_[0]: $!"; <$in> }

my $ddl = slurp($ARGV[0]);
while ($ddl =~ /CREATE TABLE (\S+)\s*\((.*?)^\)/gms) {
	my ($table, $body) = ($1, $2);
	for (split /,\n/, $body) {
		s/^\s+|\s+$//g;
		if (/^CONSTRAINT \S+ PRIMARY KEY \((.*)\)/) { print "key $table $1\n"; next }
		s/ (NOT NULL|DEFAULT|COLLATE).*//;
		/^(\S+) (.+)/ and print "column $table $1 $2\n" or die "what is '$_'?";
	}
}

my $document = slurp($ARGV[1]);
while ($document =~ /^    (\S+) \{\n(.*?)^    \}/gms) {
	my ($table, $body) = ($1, $2);
	$table = ($table eq 'spatial_ref_sys' ? 'public.' : 'alzy.') . $table if $table !~ /\./;
	my @key;
	for (split /\n/, $body) {
		my ($type, $column, $marks) = /^\s*(\S+) (\S+) ?(\S*)/ or die "what is '$_'?";
		print "column $table $column ", $types{$type} // $type, "\n";
		push @key, $column if $marks =~ /PK/;
		print "reference $table $column\n" if $marks =~ /FK/;
	}
	print "key $table ", join(',', @key), "\n";
}
while ($document =~ /^### (\S+)\n((?:- \S+\n)+)/gm) {
	my $type = $1;
	print "value alzy.$type $_\n" for $2 =~ /- (\S+)/g;
}
