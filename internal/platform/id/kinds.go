package id

// The kinds of id, one per noun, with the prefixes of the glossary.
type (
	tenantKind           struct{}
	clientKind           struct{}
	memberKind           struct{}
	organisationKind     struct{}
	siteKind             struct{}
	departmentKind       struct{}
	contactKind          struct{}
	medewerkerKind       struct{}
	leervraagKind        struct{}
	leerplekKind         struct{}
	cohortKind           struct{}
	matchingRunKind      struct{}
	matchKind            struct{}
	leeruitwisselingKind struct{}
	dayKind              struct{}
	reflectionKind       struct{}
	registratieKind      struct{}
	surveyKind           struct{}
	surveyTemplateKind   struct{}
	leerbewijsKind       struct{}
	eventKind            struct{}
	endpointKind         struct{}
	deliveryKind         struct{}
	attemptKind          struct{}
	recoveryKind         struct{}
	auditKind            struct{}
	requestKind          struct{}
	rivalKind            struct{}
	needKind             struct{}
	conversationKind     struct{}
)

func (tenantKind) prefix() string           { return "ten" }
func (clientKind) prefix() string           { return "cli" }
func (memberKind) prefix() string           { return "mem" }
func (organisationKind) prefix() string     { return "org" }
func (siteKind) prefix() string             { return "sit" }
func (departmentKind) prefix() string       { return "dep" }
func (contactKind) prefix() string          { return "con" }
func (medewerkerKind) prefix() string       { return "mdw" }
func (leervraagKind) prefix() string        { return "lvr" }
func (leerplekKind) prefix() string         { return "lpl" }
func (cohortKind) prefix() string           { return "coh" }
func (matchingRunKind) prefix() string      { return "mrn" }
func (matchKind) prefix() string            { return "mat" }
func (leeruitwisselingKind) prefix() string { return "lui" }
func (dayKind) prefix() string              { return "day" }
func (reflectionKind) prefix() string       { return "rfl" }
func (registratieKind) prefix() string      { return "opr" }
func (surveyKind) prefix() string           { return "srv" }
func (surveyTemplateKind) prefix() string   { return "stp" }
func (leerbewijsKind) prefix() string       { return "lbw" }
func (eventKind) prefix() string            { return "evt" }
func (endpointKind) prefix() string         { return "whe" }
func (deliveryKind) prefix() string         { return "whd" }
func (attemptKind) prefix() string          { return "wha" }
func (recoveryKind) prefix() string         { return "whr" }
func (auditKind) prefix() string            { return "aud" }
func (requestKind) prefix() string          { return "req" }
func (rivalKind) prefix() string            { return "riv" }
func (needKind) prefix() string             { return "nod" }
func (conversationKind) prefix() string     { return "gsp" }

// TenantID identifies an ST-partner: ten_….
type TenantID = Of[tenantKind]

// ClientID identifies a machine client: cli_….
type ClientID = Of[clientKind]

// MemberID identifies a person who signs in: mem_….
type MemberID = Of[memberKind]

// OrganisationID identifies an employer: org_….
type OrganisationID = Of[organisationKind]

// SiteID identifies a physical site of an employer: sit_….
type SiteID = Of[siteKind]

// DepartmentID identifies a department of an employer: dep_….
type DepartmentID = Of[departmentKind]

// ContactID identifies a person of contact at an employer: con_….
type ContactID = Of[contactKind]

// MedewerkerID identifies an employee: mdw_….
type MedewerkerID = Of[medewerkerKind]

// LeervraagID identifies a learning question: lvr_….
type LeervraagID = Of[leervraagKind]

// LeerplekID identifies a place to learn: lpl_….
type LeerplekID = Of[leerplekKind]

// CohortID identifies a round of the method: coh_….
type CohortID = Of[cohortKind]

// MatchingRunID identifies one computed assignment of a cohort: mrn_….
type MatchingRunID = Of[matchingRunKind]

// MatchID identifies a leervraag put to a leerplek: mat_….
type MatchID = Of[matchKind]

// LeeruitwisselingID identifies an exchange: lui_….
type LeeruitwisselingID = Of[leeruitwisselingKind]

// DayID identifies one day of an exchange: day_….
type DayID = Of[dayKind]

// ReflectionID identifies how somebody looks back on an exchange: rfl_….
type ReflectionID = Of[reflectionKind]

// RegistratieID identifies training hours of one employee: opr_….
type RegistratieID = Of[registratieKind]

// SurveyID identifies a questionnaire to one respondent: srv_….
type SurveyID = Of[surveyKind]

// SurveyTemplateID identifies the questions of a survey: stp_….
type SurveyTemplateID = Of[surveyTemplateKind]

// LeerbewijsID identifies a certificate: lbw_….
type LeerbewijsID = Of[leerbewijsKind]

// EventID identifies a fact: evt_….
type EventID = Of[eventKind]

// EndpointID identifies where facts are sent: whe_….
type EndpointID = Of[endpointKind]

// DeliveryID identifies one fact on its way to one endpoint: whd_….
type DeliveryID = Of[deliveryKind]

// AttemptID identifies one try of a delivery: wha_….
type AttemptID = Of[attemptKind]

// RecoveryID identifies a recovery of what an endpoint missed: whr_….
type RecoveryID = Of[recoveryKind]

// AuditID identifies a line of the audit table: aud_….
type AuditID = Of[auditKind]

// RequestID identifies one HTTP request: req_….
type RequestID = Of[requestKind]

// RivalID identifies a pair of rivals: riv_….
type RivalID = Of[rivalKind]

// NeedID identifies what an employer wants learnt: nod_….
type NeedID = Of[needKind]

// ConversationID identifies what was talked over with an employer: gsp_….
type ConversationID = Of[conversationKind]

// NewTenant makes a fresh TenantID.
func NewTenant() TenantID { return New[tenantKind]() }

// NewClient makes a fresh ClientID.
func NewClient() ClientID { return New[clientKind]() }

// NewMember makes a fresh MemberID.
func NewMember() MemberID { return New[memberKind]() }

// NewOrganisation makes a fresh OrganisationID.
func NewOrganisation() OrganisationID { return New[organisationKind]() }

// NewSite makes a fresh SiteID.
func NewSite() SiteID { return New[siteKind]() }

// NewDepartment makes a fresh DepartmentID.
func NewDepartment() DepartmentID { return New[departmentKind]() }

// NewContact makes a fresh ContactID.
func NewContact() ContactID { return New[contactKind]() }

// NewMedewerker makes a fresh MedewerkerID.
func NewMedewerker() MedewerkerID { return New[medewerkerKind]() }

// NewLeervraag makes a fresh LeervraagID.
func NewLeervraag() LeervraagID { return New[leervraagKind]() }

// NewLeerplek makes a fresh LeerplekID.
func NewLeerplek() LeerplekID { return New[leerplekKind]() }

// NewCohort makes a fresh CohortID.
func NewCohort() CohortID { return New[cohortKind]() }

// NewMatchingRun makes a fresh MatchingRunID.
func NewMatchingRun() MatchingRunID { return New[matchingRunKind]() }

// NewMatch makes a fresh MatchID.
func NewMatch() MatchID { return New[matchKind]() }

// NewLeeruitwisseling makes a fresh LeeruitwisselingID.
func NewLeeruitwisseling() LeeruitwisselingID { return New[leeruitwisselingKind]() }

// NewReflection makes a fresh ReflectionID.
func NewReflection() ReflectionID { return New[reflectionKind]() }

// NewDay makes a fresh DayID.
func NewDay() DayID { return New[dayKind]() }

// NewRegistratie makes a fresh RegistratieID.
func NewRegistratie() RegistratieID { return New[registratieKind]() }

// NewSurvey makes a fresh SurveyID.
func NewSurvey() SurveyID { return New[surveyKind]() }

// NewLeerbewijs makes a fresh LeerbewijsID.
func NewLeerbewijs() LeerbewijsID { return New[leerbewijsKind]() }

// NewEvent makes a fresh EventID.
func NewEvent() EventID { return New[eventKind]() }

// NewEndpoint makes a fresh EndpointID.
func NewEndpoint() EndpointID { return New[endpointKind]() }

// NewDelivery makes a fresh DeliveryID.
func NewDelivery() DeliveryID { return New[deliveryKind]() }

// NewAttempt makes a fresh AttemptID.
func NewAttempt() AttemptID { return New[attemptKind]() }

// NewRival makes a fresh RivalID.
func NewRival() RivalID { return New[rivalKind]() }

// NewNeed makes a fresh NeedID.
func NewNeed() NeedID { return New[needKind]() }

// NewConversation makes a fresh ConversationID.
func NewConversation() ConversationID { return New[conversationKind]() }

// NewRecovery makes a fresh RecoveryID.
func NewRecovery() RecoveryID { return New[recoveryKind]() }
