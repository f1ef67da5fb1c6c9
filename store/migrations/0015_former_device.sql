-- Which device of former_centre this unit was: as another one there it does not go on in what it recorded as that one.
ALTER TABLE store ADD COLUMN former_device INTEGER;
