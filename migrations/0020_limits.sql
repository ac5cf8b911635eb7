-- What processes tell each other about who is over a limit: kept in memory, written here in batches (platform/limit).
--
-- The key is a hash of the limit's name and of the caller: a client, or an address. Until when something is held against it
-- says how much was used (generic cell rate algorithm). It is unlogged because it is over within minutes: what a crash of the
-- database forgets, the processes that run still know.
create unlogged table platform.limits (
  key   uuid        primary key,
  until timestamptz not null,
  added bigint      not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
call platform.pii('platform.limits', 'pseudonym', 'key');
call platform.pii('platform.limits', 'none', 'until added');
