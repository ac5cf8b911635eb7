package app_test

import (
	"context"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/db"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// rel are the tables and views of schema public that must keep tenants apart: all but the list of migrations.
const rel = `with rel as (select c.oid, c.relname::text as name, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.reloptions,
		c.relowner, substring(obj_description(c.oid, 'pg_class') from '^class: ([a-z]+)$') as class
	from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname <> 'schema_migrations'),
tab as (select * from rel where relkind in ('r', 'p')),
tenant as (select attrelid, attnum from pg_attribute where attname = 'tenant_id' and not attisdropped),
pol as (select p.*, tab.name, tab.class, pg_get_expr(polqual, polrelid) as qual, pg_get_expr(polwithcheck, polrelid) as chk
	from pg_policy p join tab on tab.oid = p.polrelid),
app as (select * from pg_roles where rolname = 'switchboard_app') `

const (
	ownTenant = `(tenant_id = ( SELECT cur_tenant() AS cur_tenant))`
	operator  = `(( SELECT cur_scope() AS cur_scope) = ''operator''::text)`
	// boundBy is how platform.bound writes a binding, with what an employer's callers see and what an employee does.
	boundBy = `'^\s*CASE \( SELECT cur_scope\(\) AS cur_scope\)\n    WHEN ''tenant''::text THEN true\n    WHEN ''operator''::text THEN true` +
		`\n    WHEN ''organisation''::text THEN ((?:(?!\n    WHEN ).)*)\n    WHEN ''medewerker''::text THEN ((?:(?!\n    WHEN ).)*)\n    ELSE false\nEND$'`
)

// The gate: each rule is a query for what breaks it, and a fault that it must find. A fault is planted in a transaction
// that is rolled back.
var catalogue = []struct {
	name, why string
	query     string // of what breaks the rule, by name
	faults    map[string]string
}{
	{"T1", "row-level security is enabled and forced", rel + `select name from tab where not (relrowsecurity and relforcerowsecurity)`,
		map[string]string{
			"sites":      `alter table sites no force row level security`,
			"audit_rest": `alter table audit_rest disable row level security`,
			"planted":    `create table planted (tenant_id uuid not null)`,
		}},
	{"T2", "a permissive policy lets the own tenant in", rel + `select name from tab where not exists (select from pol where polrelid = tab.oid and polpermissive)`,
		map[string]string{"sites": `drop policy tenant on sites`}},
	{"T3", "a policy for writing checks what is written", rel + `select name || '.' || polname from pol where polcmd in ('*', 'a', 'w') and chk is null`,
		map[string]string{"sites.tenant": `drop policy tenant on sites; create policy tenant on sites using (tenant_id = (select cur_tenant()))`}},
	{"T4", "tenant_id is a uuid and not null", rel + `select name from tab where not exists (select from pg_attribute a where a.attrelid = tab.oid
			and a.attname = 'tenant_id' and a.attnotnull and a.atttypid = 'uuid'::regtype)`,
		map[string]string{
			"idempotency_keys": `alter table idempotency_keys drop constraint idempotency_keys_pkey; alter table idempotency_keys alter tenant_id drop not null`,
			"planted":          `create table planted (id uuid primary key)`,
		}},
	{"T5", "nothing but the own tenant is let in, whatever else a policy adds", rel + `select name || '.' || polname from pol where polpermissive
			and (polcmd = '*' and polroles = '{0}' and qual = '` + ownTenant + `' and chk = '` + ownTenant + `') is not true
			and not (name = 'tenants' and polname = 'operator' and polcmd = 'r' and qual = '` + operator + `' and chk is null)`,
		map[string]string{
			"sites.tenant":        `drop policy tenant on sites; create policy tenant on sites using (tenant_id = (select cur_tenant()) or name = '') with check (tenant_id = (select cur_tenant()))`,
			"sites.public_places": `create policy public_places on sites for select using (true)`,
			"tenants.operator":    `drop policy operator on tenants; create policy operator on tenants using ((select cur_scope()) = 'operator') with check ((select cur_scope()) = 'operator')`,
			"clients.operator":    `create policy operator on clients using ((select cur_scope()) = 'operator') with check ((select cur_scope()) = 'operator')`,
		}},
	{"B1", "a restrictive policy binds every command to the scope", rel + `select name || ' ' || cmd from tab, unnest(array['r', 'a', 'w', 'd']) cmd where not exists (
			select from pol where polrelid = tab.oid and not polpermissive and polcmd in ('*', cmd) and polroles = '{0}'
			and (cmd = 'a' or qual ~ ` + boundBy + `) and (cmd not in ('a', 'w') or chk ~ ` + boundBy + `))`,
		map[string]string{
			"sites d":    `drop policy binding on sites`,
			"sites r":    `drop policy binding on sites; create policy binding on sites as restrictive using (true) with check (true)`,
			"sites w":    `alter policy binding on sites with check (true)`,
			"sites a":    `alter policy binding on sites to switchboard_owner`,
			"contacts r": `drop policy binding on contacts; create policy binding on contacts using ((select cur_scope()) = 'tenant')`,
			"audit a": `alter policy binding on audit with check (case (select cur_scope()) when 'tenant' then true when 'operator' then true
				when 'organisation' then false when 'medewerker' then false else true end)`,
			"departments w": `alter policy binding on departments using (case (select cur_scope()) when 'tenant' then true when 'operator' then true
				when 'organisation' then organisation_id = (select cur_organisation()) when 'planted' then true when 'medewerker' then false else false end)`,
			"surveys d": `alter policy binding on surveys using (case (select cur_scope()) when 'tenant' then true when 'operator' then true
				when 'organisation' then false when 'medewerker' then false else false end or status = 'planted')`,
		}},
	{"C1", "a table declares its class", rel + `select name from tab where class is null or class not in ('tenant', 'organisation', 'pair', 'medewerker', 'shared', 'personal')`,
		map[string]string{
			"sites":    `comment on table sites is null`,
			"contacts": `comment on table contacts is 'class: everybody'`,
		}},
	// What an employer may do without naming itself: read its tenant's name, and keep answers under its own keys.
	{"C2", "the policies fit the class", rel + `, own as (
			select distinct on (polrelid) name, class, (regexp_match(coalesce(qual, chk), ` + boundBy + `))[1] as org, (regexp_match(coalesce(qual, chk), ` + boundBy + `))[2] as mdw,
				exists (select from pol o where o.polrelid = pol.polrelid and o.polname = 'binding_select' and o.qual <> pol.qual) as shared
			from pol where not polpermissive and polcmd in ('*', 'w') order by polrelid, polname)
		select name from own where case class
			when 'tenant' then org <> 'false' or mdw <> 'false' or shared
			when 'organisation' then org !~ 'cur_organisation\(\)' and name not in ('tenants', 'idempotency_keys') or shared
			when 'pair' then org !~ 'cur_organisation\(\).*sending_organisation_id' or org !~ 'cur_organisation\(\).*receiving_organisation_id' or mdw = 'false' or shared
			when 'medewerker' then org !~ 'cur_organisation\(\)' or mdw !~ 'cur_medewerker\(\)' or shared
			when 'personal' then org <> 'false' or mdw !~ 'cur_medewerker\(\)' or shared
			when 'shared' then org !~ 'cur_organisation\(\)' or not shared end`,
		map[string]string{
			"clients":  `drop policy binding on clients; drop policy tenant on clients; drop trigger touch on clients; call platform.isolate('clients', 'organisation', org => 'true'); comment on table clients is 'class: tenant'`,
			"sites":    `drop policy binding on sites; drop policy tenant on sites; drop trigger touch on sites; call platform.isolate('sites', 'organisation', org => 'true')`,
			"matches":  `comment on table sites is 'class: organisation'; drop policy binding on matches; drop policy tenant on matches; drop trigger touch on matches; call platform.isolate('matches', 'pair', org => 'sending_organisation_id = (select cur_organisation())', mdw => 'true')`,
			"surveys":  `drop policy binding on surveys; drop policy tenant on surveys; drop trigger touch on surveys; call platform.isolate('surveys', 'medewerker', org => 'organisation_id = (select cur_organisation())', mdw => 'true')`,
			"contacts": `drop policy binding on contacts; drop policy tenant on contacts; drop trigger touch on contacts; call platform.isolate('contacts', 'organisation', org => 'organisation_id = (select cur_organisation())', shared => 'decides')`,
			"audit":    `comment on table audit is 'class: medewerker'`,
			"cohort_preferences": `drop policy binding on cohort_preferences; drop policy tenant on cohort_preferences; call platform.isolate('cohort_preferences', 'medewerker',
				org => 'organisation_id = (select cur_organisation())', mdw => 'medewerker_id = (select cur_medewerker())'); comment on table cohort_preferences is 'class: personal'`,
		}},
	{"U1", "every unique index starts with the tenant", rel + `select i.indexrelid::regclass::text from tab join pg_index i on i.indrelid = tab.oid
			where i.indisunique and not exists (select from tenant where attrelid = tab.oid and attnum = i.indkey[0])`,
		map[string]string{
			"planted":   `create unique index planted on sites (name)`,
			"planted_2": `create unique index planted_2 on sites (id, tenant_id)`,
		}},
	{"X1", "every exclusion starts with the tenant", rel + `select conname from tab join pg_constraint k on k.conrelid = tab.oid
			where contype = 'x' and not exists (select from tenant where attrelid = tab.oid and attnum = k.conkey[1])`,
		map[string]string{"planted": `alter table sites add constraint planted exclude using hash (name with =)`}},
	{"F1", "every foreign key starts with the tenant on both sides", rel + `select conname from tab join pg_constraint k on k.conrelid = tab.oid where contype = 'f' and not (
			exists (select from tenant where attrelid = k.conrelid and attnum = k.conkey[1]) and exists (select from tenant where attrelid = k.confrelid and attnum = k.confkey[1]))`,
		map[string]string{"planted": `create unique index on sites (id); alter table contacts add constraint planted foreign key (id) references sites (id)`}},
	{"F2", "a foreign key into an employer's table carries the employer", rel + `select conname from tab join pg_constraint k on k.conrelid = tab.oid
			join pg_attribute o on o.attrelid = k.confrelid and o.attname = 'organisation_id' and o.attnotnull where contype = 'f' and not o.attnum = any (k.confkey)`,
		map[string]string{"planted": `alter table contacts add constraint planted foreign key (tenant_id, id) references sites (tenant_id, id)`}},
	{"F3", "no foreign key deletes or empties rows by itself", rel + `select conname from tab join pg_constraint k on k.conrelid = tab.oid
			where contype = 'f' and (confdeltype not in ('a', 'r') or confupdtype not in ('a', 'r'))`,
		map[string]string{"planted": `alter table contacts add constraint planted foreign key (tenant_id, organisation_id) references organisations (tenant_id, id) on delete cascade`}},
	{"F4", "a foreign key that names an employer can wait for the end of the transaction: rows move together when employers are merged", rel + `select conname
			from tab join pg_constraint k on k.conrelid = tab.oid where contype = 'f' and not condeferrable and (confrelid = 'organisations'::regclass
				or exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attnum = any (k.confkey) and a.attname = 'organisation_id'))`,
		map[string]string{
			"planted":   `alter table contacts add constraint planted foreign key (tenant_id, organisation_id) references organisations (tenant_id, id)`,
			"planted_2": `alter table contacts add constraint planted_2 foreign key (tenant_id, organisation_id, id) references sites (tenant_id, organisation_id, id)`,
		}},
	// Where a row goes, or moves to another employer, what still names it is looked for once for each such row. By the employer alone that would
	// be all that the employer has, for each row that it has.
	{"F5", "what names a row that can go or move is found by an index, by the row itself", rel + `select conname from app, tab
			join pg_constraint k on k.conrelid = tab.oid join pg_attribute i on i.attrelid = k.confrelid and i.attname = 'id', has_table_privilege(app.oid, k.confrelid, 'DELETE') gone
			where contype = 'f' and conparentid = 0 and (gone or has_table_privilege(app.oid, k.confrelid, 'UPDATE') and exists (
				select from pg_attribute a where a.attrelid = k.confrelid and a.attnum = any (k.confkey) and a.attname not in ('tenant_id', 'id')))
			and not exists (select from pg_index x where x.indrelid = k.conrelid and x.indisvalid and x.indkey[0] = any (k.conkey) and x.indkey[1] = any (k.conkey) and x.indnkeyatts > 1
				and (x.indpred is null or exists (select from pg_attribute c where c.attrelid = x.indrelid and c.attnum = any (k.conkey)
					and pg_get_expr(x.indpred, x.indrelid) = format('(%I IS NOT NULL)', c.attname)))
				and k.conkey[array_position(k.confkey, i.attnum)] in (x.indkey[1], case when x.indnkeyatts > 2 and x.indkey[2] = any (k.conkey) then x.indkey[2] end))`,
		map[string]string{
			"planted": `alter table contacts add planted uuid; grant delete on sites to switchboard_app; alter table contacts add constraint planted foreign key (tenant_id, planted) references sites (tenant_id, id)`,
			"planted_2": `alter table contacts add planted uuid; grant delete on sites to switchboard_app;
				alter table contacts add constraint planted_2 foreign key (tenant_id, organisation_id, planted) references sites (tenant_id, organisation_id, id) deferrable`,
			"planted_3": `alter table contacts add planted uuid, add planted_at uuid;
				alter table contacts add constraint planted_3 foreign key (tenant_id, planted_at, planted) references sites (tenant_id, organisation_id, id) deferrable`,
			"leeruitwisseling_days_site_fkey": `drop index leeruitwisseling_days_tenant_id_site_id_idx`,
			"medewerkers_site_fkey":           `drop index medewerkers_tenant_id_site_id_idx`, // by the employer there is one
			"leerplekken_site_fkey":           `drop index leerplekken_tenant_id_site_id_idx; create index on leerplekken (tenant_id, site_id) where safety_note is not null`,
			"leerplekken_department_fkey":     `drop index leerplekken_tenant_id_department_id_idx; create index on leerplekken (tenant_id) include (department_id)`,
			"medewerkers_department_fkey":     `drop index medewerkers_tenant_id_department_id_idx; create index on medewerkers (tenant_id, organisation_id) include (department_id)`,
		}},
	{"V1", "a view runs as who asks", rel + `select name from rel where relkind = 'v' and not coalesce(reloptions && '{security_invoker=true,security_invoker=on}', false)`,
		map[string]string{"planted": `create view planted as select * from sites`}},
	{"V2", "a materialized view has no row-level security, so there is none", rel + `select name from rel where relkind in ('m', 'f')`,
		map[string]string{"planted": `create materialized view planted as select * from sites`}},
	// Partitions belong to the owner, and the app role owns nothing: making and dropping them is the one exception.
	{"D1", "no function runs as its owner, but the one that keeps partitions, for the app role alone and with its own search path",
		`select p.oid::regprocedure::text from pg_proc p where pronamespace in ('public'::regnamespace, 'platform'::regnamespace) and prosecdef
			and not (p.oid::regprocedure::text = 'platform.keep_partitions(text,integer,timestamp with time zone,timestamp with time zone)'
				and 'search_path=public, pg_temp' = any (proconfig) and p.proacl is not null and not exists (
					select from aclexplode(p.proacl) a where a.grantee not in (p.proowner, 'switchboard_app'::regrole)))`,
		map[string]string{
			"planted()": `create function planted() returns int language sql security definer as 'select 1'`,
			"platform.keep_partitions(text,integer,timestamp with time zone,timestamp with time zone)": `grant execute on function platform.keep_partitions to public`,
		}},
	{"P2", "every table in partitions has one for what no other takes, so that no write fails for want of one", `select c.relname::text from pg_partitioned_table p join pg_class c on c.oid = p.partrelid where p.partdefid = 0`,
		map[string]string{"planted": `create table planted (at timestamptz not null) partition by range (at)`}},
	{"L1", "no function claims to be leakproof", `select p.oid::regprocedure::text from pg_proc p where pronamespace in ('public'::regnamespace, 'platform'::regnamespace) and proleakproof`,
		map[string]string{"planted()": `create function planted() returns int language sql leakproof as 'select 1'`}},
	{"D2", "every function is known, and the settings are read by SQL alone", `select p.oid::regprocedure::text from pg_proc p join pg_language l on l.oid = p.prolang
			where pronamespace in ('public'::regnamespace, 'platform'::regnamespace) and not (
				p.oid::regprocedure::text in ('cur_tenant()', 'cur_scope()', 'cur_organisation()', 'cur_medewerker()', 'platform.base()', 'platform."position"()',
					'platform.horizon()', 'platform.bound(text,text)', 'platform.new_id()', 'platform.words(text[])', 'platform.filter_holds(jsonb,jsonb)',
					'platform.first_id(timestamp with time zone)', 'platform.moment(uuid)', 'platform.clock()') and lanname = 'sql'
				or p.oid::regprocedure::text in ('platform.touch()', 'platform.next_of_subject()', 'platform.note_active_run()', 'platform.note_failing_endpoint()', 'platform.stem_leerplek()', 'platform.isolate(regclass,text,text,text,text)', 'platform.pii(regclass,text,text)',
					'platform.keep_partitions(text,integer,timestamp with time zone,timestamp with time zone)') and lanname = 'plpgsql'
				or proname like 'river\_%')`,
		map[string]string{
			"planted()":    `create function planted() returns int language sql as 'select 1'`,
			"cur_tenant()": `create or replace function cur_tenant() returns uuid language plpgsql stable as 'begin return gen_random_uuid(); end'`,
		}},
	{"Y1", "columns are of the types that platform/db reads in one round trip", rel + `select name || '.' || attname from tab join pg_attribute a on a.attrelid = tab.oid
			where attnum > 0 and not attisdropped and format_type(atttypid, null) not in ('uuid', 'text', 'boolean', 'integer', 'bigint', 'double precision', 'date',
				'timestamp with time zone', 'jsonb', 'bytea', 'text[]', 'uuid[]', 'tsvector')`,
		map[string]string{"sites.planted": `alter table sites add planted interval`}},
	// The rules of this list, the siege and what watches for writes look at these schemas, each as what it is.
	{"N1", "there is no schema but public, platform and reference", `select nspname from pg_namespace n where nspname not in ('public', 'platform', 'reference', 'information_schema')
			and nspname not like 'pg\_%' and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e')`,
		map[string]string{"report": `create schema report; create table report.totals (tenant_id uuid, name text); grant usage on schema report to switchboard_app; grant select on report.totals to switchboard_app`}},
	{"S1", "no sequence tells one tenant how much another does", rel + `select name from rel where relkind = 'S'`,
		map[string]string{"planted": `create sequence planted`}},
	{"G1", "a table that can be followed stamps its changes and finds them by position", rel + `select name from tab join pg_attribute a on a.attrelid = tab.oid and a.attname = 'pos'
			where not relispartition and not (
				exists (select from pg_trigger where tgrelid = tab.oid and tgname = 'touch' and tgenabled = 'O' and tgfoid = 'platform.touch'::regproc and tgtype = 19) and
				exists (select from pg_index i join tenant on tenant.attrelid = tab.oid where i.indrelid = tab.oid and i.indkey[0] = tenant.attnum and i.indkey[1] = a.attnum) and
				exists (select from pg_attrdef d where d.adrelid = tab.oid and d.adnum = a.attnum and pg_get_expr(d.adbin, d.adrelid) = 'platform."position"()'))`,
		map[string]string{
			"sites":       `drop trigger touch on sites`,
			"contacts":    `drop index contacts_tenant_id_pos_idx`,
			"departments": `alter table departments alter pos drop default`,
			"medewerkers": `alter table medewerkers disable trigger touch`,
		}},
	{"A1", "what only grows can only grow", rel + `select name || ' ' || privilege from tab, unnest(array['UPDATE', 'DELETE']) privilege
			where (name in ('audit', 'audit_rest', 'leervraag_versions', 'survey_answers', 'matching_weights') or privilege = 'UPDATE' and name = 'events'
				or privilege = 'DELETE' and name in ('opleidingsregistraties', 'leeruitwisseling_signatures', 'match_decisions'))
			and has_table_privilege((select oid from app), oid, privilege)`,
		map[string]string{
			"leeruitwisseling_signatures DELETE": `grant delete on leeruitwisseling_signatures to switchboard_app`,
			"audit UPDATE":                       `grant update on audit to switchboard_app`,
			"opleidingsregistraties DELETE":      `grant delete on opleidingsregistraties to switchboard_app`,
		}},
	{"R1", "neither role gets past row-level security by what it is", `select rolname from pg_roles where rolname in ('switchboard_app', 'switchboard_owner')
			and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)`,
		map[string]string{"switchboard_app": `alter role switchboard_app bypassrls`}},
	{"R2", "the app role is a member of no other", rel + `select r.rolname from pg_roles r, app where r.oid <> app.oid and pg_has_role(app.oid, r.oid, 'member')`,
		map[string]string{"switchboard_owner": `grant switchboard_owner to switchboard_app`}},
	{"R3", "the app role owns nothing", rel + `select c.oid::regclass::text from pg_class c, app where c.relowner = app.oid union all
			select p.oid::regprocedure::text from pg_proc p, app where p.proowner = app.oid union all select n.nspname from pg_namespace n, app where n.nspowner = app.oid`,
		map[string]string{"sites": `alter table sites owner to switchboard_app`, "public": `alter schema public owner to switchboard_app`}},
	{"R4", "the app role reads and writes rows, and nothing else", rel + `select c.oid::regclass || ' ' || x.privilege_type from pg_class c, app, aclexplode(c.relacl) x
			where c.relnamespace in ('public'::regnamespace, 'platform'::regnamespace) and x.grantee = app.oid
			and (x.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE') or x.is_grantable)
			union all select c.oid::regclass || ' ' || x.privilege_type from pg_class c, app, aclexplode(c.relacl) x
			where c.relname = 'schema_migrations' and x.grantee = app.oid and x.privilege_type <> 'SELECT'`,
		map[string]string{
			"sites TRUNCATE":           `grant truncate on sites to switchboard_app`,
			"sites REFERENCES":         `grant references on sites to switchboard_app`,
			"sites TRIGGER":            `grant trigger on sites to switchboard_app`,
			"contacts SELECT":          `grant select on contacts to switchboard_app with grant option`,
			"schema_migrations DELETE": `grant delete on schema_migrations to switchboard_app`,
		}},
	{"R5", "the app role makes nothing", rel + `select nspname from pg_namespace, app where nspname in ('public', 'platform') and has_schema_privilege(app.oid, pg_namespace.oid, 'CREATE')
			union all select 'database' from app where has_database_privilege(app.oid, current_database(), 'CREATE') or has_database_privilege(app.oid, current_database(), 'TEMPORARY')`,
		map[string]string{
			"public":   `grant create on schema public to switchboard_app`,
			"platform": `grant create on schema platform to public`,
		}},
	// When two employers are merged, the old versions of a leervraag move with it; what they say stays as it was.
	{"R6", "nobody is let in by default", `select c.oid::regclass || ' ' || x.privilege_type from pg_class c, aclexplode(c.relacl) x
			where c.relnamespace in ('public'::regnamespace, 'platform'::regnamespace) and x.grantee = 0
			union all select attrelid::regclass || '.' || attname from pg_attribute a join pg_class c on c.oid = a.attrelid
			where c.relnamespace in ('public'::regnamespace, 'platform'::regnamespace) and attacl is not null
			and not (a.attrelid::regclass::text = 'leervraag_versions' and attname = 'organisation_id' and attacl::text = '{switchboard_app=w/switchboard_owner}')`,
		map[string]string{
			"leervraag_versions.organisation_id": `grant insert (organisation_id) on leervraag_versions to switchboard_app`,
			"sites SELECT":                       `grant select on sites to public`,
			"contacts.name":                      `grant select (name) on contacts to switchboard_app`,
		}},
	{"R7", "the owner owns all of it", `select c.oid::regclass::text from pg_class c where c.relnamespace in ('public'::regnamespace, 'platform'::regnamespace)
			and c.relowner <> 'switchboard_owner'::regrole`,
		map[string]string{"sites": `alter table sites owner to current_user`}},
	{"P1", "every column says what personal data it holds", `select c.oid::regclass || '.' || attname from pg_attribute a join pg_class c on c.oid = a.attrelid
			where c.relkind in ('r', 'p') and attnum > 0 and not attisdropped and c.relname not like 'river\_%' and c.relname <> 'schema_migrations'
			and c.relnamespace in ('public'::regnamespace, 'platform'::regnamespace)
			and coalesce(col_description(c.oid, attnum), '') !~ '^pii: (none|secret|((pseudonym|identity|contact|location|employment|learning|opinion)( (?!$)|$))+)$'`,
		map[string]string{
			"sites.planted":             `alter table sites add planted text`,
			"contacts.name":             `comment on column contacts.name is 'pii: some'`,
			"contacts.email":            `comment on column contacts.email is 'pii: contact none'`,
			"platform.directory.secret": `alter table platform.directory add secret text`,
			"planted.tenant_id":         `create table planted (tenant_id uuid not null)`,
		}},
	// Schema platform has no row-level security, so it holds keys alone: a new column is a decision, made here.
	{"K1", "schema platform holds what is listed, and no more", `select c.oid::regclass || '.' || attname from pg_attribute a join pg_class c on c.oid = a.attrelid
			where c.relnamespace = 'platform'::regnamespace and c.relkind not in ('i', 'I', 'c') and attnum > 0 and not attisdropped
			and c.relname not like 'river\_%' and c.relname || '.' || attname <> all (string_to_array(regexp_replace($1, '\s+', ' ', 'g'), ' '))`,
		map[string]string{
			"platform.directory.name":      `alter table platform.directory add name text`,
			"platform.planted.a":           `create table platform.planted (a int)`,
			"platform.planted_view.x":      `create view platform.planted_view as select 1 as x`,
			"platform.delivery_queue.body": `alter table platform.delivery_queue add body jsonb`,
		}},
	// Schema reference has no row-level security either: what a publisher gives away, the same for every tenant.
	{"E1", "schema reference holds what is listed, and no tenant", `select c.oid::regclass || '.' || attname from pg_attribute a join pg_class c on c.oid = a.attrelid
			where c.relnamespace = 'reference'::regnamespace and c.relkind not in ('i', 'I', 'c') and attnum > 0 and not attisdropped and c.relname || '.' || attname not in (
				'esco_concepts.uri', 'esco_concepts.kind', 'esco_concepts.label', 'esco_concepts.alt_labels', 'esco_concepts.broader',
				'esco.one', 'esco.version', 'esco.imported_at',
				'postcodes.postcode', 'postcodes.country', 'postcodes.latitude', 'postcodes.longitude',
				'postcode_countries.country', 'postcode_countries.imported_at', 'postcode_countries.first_imported_at')`,
		map[string]string{
			"reference.esco_concepts.tenant_id": `alter table reference.esco_concepts add tenant_id uuid`,
			"reference.planted.a":               `create table reference.planted (a int)`,
		}},
	{"E2", "the app role reads schema reference and changes nothing there", rel + `select c.oid::regclass || ' ' || x.privilege_type from pg_class c, app, aclexplode(c.relacl) x
			where c.relnamespace = 'reference'::regnamespace and (x.grantee = 0 or x.grantee = app.oid and (x.privilege_type <> 'SELECT' or x.is_grantable))
			union all select c.oid::regclass || ' owner' from pg_class c where c.relnamespace = 'reference'::regnamespace and c.relowner <> 'switchboard_owner'::regrole
			union all select 'create' from app where has_schema_privilege(app.oid, 'reference', 'CREATE')
			union all select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'reference'::regnamespace`,
		map[string]string{
			"reference.esco_concepts INSERT": `grant insert on reference.esco_concepts to switchboard_app`,
			"reference.esco SELECT":          `grant select on reference.esco to public`,
			"create":                         `grant create on schema reference to switchboard_app`,
			"reference.esco owner":           `alter table reference.esco owner to current_user`,
			"reference.planted()":            `create function reference.planted() returns int language sql as 'select 1'`,
		}},
}

const platformColumns = `cluster.one cluster.system_identifier
	row.tenant_id row.revision row.created_at row.updated_at row.changed_by row.on_behalf_of row.request_id row.pos
	directory.kind directory.lookup_hash directory.tenant_id directory.subject_id
	signing_keys.kid signing_keys.public signing_keys.sealed signing_keys.sign_from signing_keys.sign_until
	revocations.client_id revocations.until revocations.revoked_at limits.key limits.until limits.added
	delivery_queue.delivery_id delivery_queue.tenant_id delivery_queue.endpoint_id delivery_queue.due_at delivery_queue.lease delivery_queue.test
	delivery_queue.leased_until delivery_queue.subject_id delivery_queue.revision delivery_queue.event_id
	delivery_holds.endpoint_id delivery_holds.tenant_id checkpoints.at checkpoints.pos rounds.reason rounds.tenant_id active_runs.tenant_id active_runs.run_id
	failing_endpoints.endpoint_id failing_endpoints.tenant_id failing_endpoints.since
	delivery_lanes.endpoint_id delivery_lanes.tenant_id delivery_lanes.ordered delivery_lanes.per_second delivery_lanes.tokens delivery_lanes.refilled_at`

type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func breaks(t *testing.T, q queryer, query string) []string {
	t.Helper()
	var args []any
	if strings.Contains(query, "$1") {
		args = append(args, platformColumns)
	}
	rows, err := q.Query(context.Background(), query, args...)
	require.NoError(t, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(out)
	return out
}

func TestCatalogue_TheSchemaKeepsEveryRule(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	for _, r := range catalogue {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, breaks(t, d.Super, r.query), r.why)
		})
	}
}

func TestCatalogue_EveryRuleFindsAFault(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := testkit.NewDatabase(t)
	for _, r := range catalogue {
		require.NotEmpty(t, r.faults, r.name)
		for what, plant := range r.faults {
			tx, err := d.Super.Begin(ctx)
			require.NoError(t, err)
			_, err = tx.Exec(ctx, plant)
			require.NoError(t, err, "%s: %s", r.name, plant)
			require.Contains(t, breaks(t, tx, r.query), what, "%s (%s) does not see: %s", r.name, r.why, plant)
			require.NoError(t, tx.Rollback(ctx))
		}
	}
}

var (
	changing = regexp.MustCompile(`(?i)\b(update|delete)\s+(?:from\s+)?(?:only\s+)?(?:public\.)?([a-z_]+)`)
	upsert   = regexp.MustCompile(`(?is)^\s+(?:public\.)?([a-z_]+)\b.*\bdo\s+update\b`)
)

// changedByProgram are the tables that a statement of the program updates or deletes from, as "table UPDATE".
func changedByProgram(all []source) map[string]bool {
	out := map[string]bool{}
	for _, s := range all {
		if s.test || isTool(s.dir) || s.dir == "migrations" {
			continue
		}
		s.texts(func(text string) {
			for _, m := range changing.FindAllStringSubmatch(text, -1) {
				out[m[2]+" "+strings.ToUpper(m[1])] = true
			}
			for _, insert := range strings.Split(strings.ReplaceAll(text, "INSERT INTO", "insert into"), "insert into")[1:] {
				if m := upsert.FindStringSubmatch(insert); m != nil {
					out[m[1]+" UPDATE"] = true
				}
			}
		})
	}
	return out
}

// changeable are the tables that the app role may delete from, and those that it may update though their rows do not say who changed them
// last. The others are rows that gorm and platform/db update by their type, so no statement names them: which of those only grow stands in
// rule A1. Nothing is deleted by its type.
const changeable = rel + `select name || ' ' || privilege from tab, unnest(array['UPDATE', 'DELETE']) privilege
	where (privilege = 'DELETE' or not exists (select from pg_attribute a where a.attrelid = tab.oid and a.attname = 'changed_by' and not attisdropped))
	and has_table_privilege((select oid from app), oid, privilege)`

// platform.isolate lets the app role change what it isolates. A table of versions, answers or signatures would stay so unless somebody
// remembered: nothing in the program changes it, so nobody may.
func TestCatalogue_TheAppRoleMayChangeOnlyWhatTheProgramChanges(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := testkit.NewDatabase(t)
	changes := changedByProgram(sources(t))
	needless := func(q queryer) []string {
		return slices.DeleteFunc(breaks(t, q, changeable), func(what string) bool { return changes[what] })
	}
	require.NotEmpty(t, breaks(t, d.Super, changeable))
	require.Empty(t, needless(d.Super), "no statement does this: revoke it in the migration that makes the table")

	tx, err := d.Super.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `create table planted_versions (tenant_id uuid not null, id uuid not null); grant select, insert, update, delete on planted_versions to switchboard_app;
		create table planted_rows (like platform.row including all); grant update, delete on planted_rows to switchboard_app`)
	require.NoError(t, err)
	require.Equal(t, []string{"planted_rows DELETE", "planted_versions DELETE", "planted_versions UPDATE"}, needless(tx))
	require.NoError(t, tx.Rollback(ctx))
	tree, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; var a = `with x as (insert into one (a) values (1) on conflict do nothing) insert into two as t (a) values (1)\n\ton conflict (a) do update set a = 2`; "+
		"var b = `update only three set a = 1`; var c = `DELETE FROM four`; var d = `select 1 from five for update of five`", 0)
	require.NoError(t, err)
	found := changedByProgram([]source{{path: "x.go", dir: "x", tree: tree}})
	for what, want := range map[string]bool{"one UPDATE": false, "two UPDATE": true, "three UPDATE": true, "four DELETE": true, "five UPDATE": false} {
		require.Equal(t, want, found[what], what)
	}
}

// Who writes a table is read from the migrations' text: one that it does not see there would be everybody's.
func TestCatalogue_EveryTableIsSomebodysToWrite(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	there := breaks(t, d.Super, `select case nspname when 'public' then '' else nspname || '.' end || relname from pg_class c join pg_namespace n on n.oid = relnamespace
		where relkind in ('r', 'p') and not relispartition and nspname not like 'pg\_%' and nspname <> 'information_schema' and relname not like 'river\_%' and relname <> 'schema_migrations'`)
	require.NotEmpty(t, there)
	owners := tables(t)
	for _, table := range there {
		require.Contains(t, owners, table, "house_test.go reads what migrations make with createTable")
	}
}

// What a constraint means to a caller is told by its name: a name that the schema does not know would never be told.
func TestCatalogue_EveryConstraintWithAMeaningExists(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	known := breaks(t, d.Super, `select conname from pg_constraint union select indexrelid::regclass::text from pg_index where indisunique`)
	named := db.Constraints()
	require.NotEmpty(t, named)
	for _, name := range named {
		require.Contains(t, known, name)
	}
}
