-- Suggestions without an index search the lexemes of leerplekken. They were PostgreSQL's own Dutch stems; now they are those of the
-- program's pipeline (internal/matching/relevance): stems, parts of compounds, concepts of the thesaurus. No SQL makes those, so they
-- are written beside the text, with the version of the pipeline that made them. 0 is none: PostgreSQL's stems, until a job reads the text.

-- What is there stays, as version 0, and no row is written anew.
alter table leerplekken alter lexemes drop expression;
alter table leerplekken add lexemes_version integer not null default 0;
call platform.pii('leerplekken', 'none', 'lexemes_version');

-- A search reads the lexemes of every leerplek of a tenant: those of texts of an ordinary length stay in the row, as they are.
alter table leerplekken set (toast_tuple_target = 4080);

-- Row-level security kept it from ever being used: its operators are not leakproof.
drop index leerplekken_lexemes_idx;

-- Lexemes are never of another text than the row's, whoever writes it.
create function platform.stem_leerplek() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    if (new.title, new.function, new.topics, new.description) is not distinct from (old.title, old.function, old.topics, old.description)
      or new.lexemes is distinct from old.lexemes then
      return new;
    end if;
  elsif new.lexemes is not null then
    return new;
  end if;
  new.lexemes := setweight(to_tsvector('dutch', new.title), 'A') || setweight(to_tsvector('dutch', platform.words(new.topics) || ' ' || coalesce(new.function, '')), 'B')
    || to_tsvector('dutch', new.description);
  new.lexemes_version := 0;
  return new;
end $$;
create trigger stem before insert or update of title, function, topics, description on leerplekken for each row execute function platform.stem_leerplek();

-- To read a text again is no change of the leerplek, which counts its revision up: nobody who follows it is told.
drop trigger touch on leerplekken;
create trigger touch before update on leerplekken for each row
  when (new.revision <> old.revision or new.lexemes_version in (0, old.lexemes_version)) execute function platform.touch();
