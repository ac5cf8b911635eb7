package migrations

// For tests that wait for less, and stop in between.
var (
	PatientlyEvery = patiently
	Once           = once
	ApplyUntil     = applyUntil
)
