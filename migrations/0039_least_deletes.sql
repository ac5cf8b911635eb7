-- platform.isolate lets the app role delete what it isolates. Of these rows no statement deletes one: they are withdrawn, revoked,
-- closed or merged instead, and what was once told of them stays there to be told again.
revoke delete on clients, cohorten, contacts, conversations, departments, leerbewijzen, leerplekken, leeruitwisseling_expectations,
  leeruitwisseling_reflections, leeruitwisselingen, leervragen, matches, matching_runs, medewerkers, organisations, sites, surveys,
  tenants, webhook_endpoints, webhook_recoveries from switchboard_app;
