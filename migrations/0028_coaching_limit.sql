-- What a leercoach takes on in a year, beside what they take on at the same time.

alter table medewerkers add yearly_coaching_limit integer check (yearly_coaching_limit between 0 and 1000);
call platform.pii('medewerkers', 'employment', 'yearly_coaching_limit');
