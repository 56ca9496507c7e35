"""Everything in one process on virtual time: plant, safety supervisor, station, link, CSMS, from one seed."""
