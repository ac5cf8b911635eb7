package db

import "time"

// Patience says after how long nobody waits for a trip any more, how long it lasts at most, and how long after another one may go.
func (d *DB) Patience(stall, deadline, onward time.Duration) {
	d.trips.stall, d.trips.deadline, d.trips.onward = stall, deadline, onward
}

// MaxRiders is how many questions travel together, and Lanes how many trips go at once.
const MaxRiders = maxRiders

var Lanes = lanes()

// Idle reports whether no trip is waited for, and nobody waits for one.
func (d *DB) Idle() bool {
	d.trips.mu.Lock()
	defer d.trips.mu.Unlock()
	return d.trips.out == 0 && len(d.trips.waiting) == 0
}
