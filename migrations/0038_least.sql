-- The app role may change what the program changes, and no more: a fact, a try, what was noted, signed, decided or given as a
-- reason stays as it was. Facts and tries that stand in no partition by time are deleted there (events_rest, webhook_attempts_rest).
revoke update, delete on events, webhook_attempts, leeruitwisseling_notes from switchboard_app;
revoke update on events_rest, webhook_attempts_rest, cohort_rivals, matching_run_problems from switchboard_app;
revoke delete on leeruitwisseling_signatures, match_decisions, match_notes, match_reasons from switchboard_app;
