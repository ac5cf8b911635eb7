-- What keeps several kinds of personal data names them all. The audit table said that its grounds were nobody's, and facts that
-- theirs were: they hold who coaches and who learned, for how many hours, and what a match was judged on, to which what a switcher
-- prefers and how far somebody lives add their points. Matching runs keep the same judgements. What somebody wants to learn about and
-- when, and what a contact does for an employer, are no less theirs than the words beside it.
create or replace procedure platform.pii(tbl regclass, class text, columns text) language plpgsql as $$
declare c text;
begin
  if class not in ('none', 'secret') and not string_to_array(class, ' ') <@
      array['pseudonym', 'identity', 'contact', 'location', 'employment', 'learning', 'opinion'] or class = '' then
    raise exception 'there is no class of personal data called %', class;
  end if;
  foreach c in array string_to_array(columns, ' ') loop
    execute format('comment on column %s.%I is %L', tbl, c, 'pii: ' || class);
  end loop;
end $$;

do $$
declare t regclass;
begin
  for t in select relid from pg_partition_tree('audit') loop
    call platform.pii(t, 'pseudonym', 'subject_id');
    call platform.pii(t, 'pseudonym employment learning opinion location', 'details');
  end loop;
  for t in select relid from pg_partition_tree('events') loop
    call platform.pii(t, 'pseudonym employment learning', 'data');
  end loop;
end $$;
call platform.pii('matching_run_places', 'pseudonym opinion location', 'detail');
call platform.pii('matching_run_problems', 'pseudonym opinion location', 'packed');
call platform.pii('matching_runs', 'opinion location', 'summary');
call platform.pii('leervragen', 'learning', 'topics available');
call platform.pii('leervraag_versions', 'learning', 'topics');
call platform.pii('contacts', 'pseudonym', 'id');
call platform.pii('contacts', 'employment', 'decides follows_up');
call platform.pii('webhook_endpoints', 'pseudonym', 'client_id');
