-- What a large run judged is kept in parts of some megabytes: neither side holds all of it in one statement.

alter table matching_run_problems add part integer not null default 0 check (part >= 0);
alter table matching_run_problems drop constraint matching_run_problems_pkey;
alter table matching_run_problems add primary key (tenant_id, run_id, part);
call platform.pii('matching_run_problems', 'none', 'part');
