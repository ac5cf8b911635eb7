package leeruitwisseling_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/switchingtalent/switchboard/internal/platform/auth"
	"github.com/switchingtalent/switchboard/internal/platform/testkit"
)

// Both employers may write to an exchange, and neither says what only the other one knows.
func TestExchange_EachEmployerAnswersForItself(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	at := path(p.Leeruitwisseling)
	sending, receiving := w.Employer(p.Sending), w.Employer(p.Receiving)
	checks := func(workAccident, commute, liability any, safety bool) object {
		return object{"insurance": object{"work_accident": workAccident, "commute": commute, "liability": liability}, "safety_information_exchanged": safety}
	}
	settledBy := func() int {
		return w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.checks'`, w.Tenant.UUID())
	}

	sending.Patch(at, object{"meeting_point": "elders"}).Problem(403, "forbidden")
	sending.Patch(at, object{"safety_note": nil}).Is(http.StatusOK) // what it was already
	receiving.Patch(at, object{"meeting_point": "onthaal", "safety_note": "Gesloten schoenen."}).Is(http.StatusOK)

	receiving.Put(at+"/checks", checks(true, nil, nil, false)).Problem(403, "forbidden")
	receiving.Put(at+"/checks", checks(nil, true, nil, false)).Problem(403, "forbidden")
	sending.Put(at+"/checks", checks(nil, nil, true, false)).Problem(403, "forbidden")
	sending.Put(at+"/checks", checks(nil, nil, nil, true)).Problem(403, "forbidden")
	require.Zero(t, settledBy())
	sending.Put(at+"/checks", checks(true, true, nil, false)).Is(http.StatusOK)
	receiving.Put(at+"/checks", checks(true, true, true, true)).Is(http.StatusOK)
	receiving.Put(at+"/checks", checks(true, true, true, true)).Is(http.StatusOK)
	require.Equal(t, 2, settledBy(), "who settled what is kept, once")
	sending.Put(at+"/checks", checks(true, true, false, true)).Problem(403, "forbidden")
	w.Client(auth.Integration, &p.Sending, &p.Switcher, "leeruitwisseling:write").Put(at+"/checks", checks(false, true, true, true)).Problem(403, "forbidden")
	w.Coordinator().Put(at+"/checks", checks(false, false, false, false)).Is(http.StatusOK)
}

// Who noted which hours stays, also after they were noted anew.
func TestAttend_IsKeptInTheAudit(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p, c := w.Pair(), w.Coordinator()
	at := path(p.Leeruitwisseling)
	days := ready(c, p.Leeruitwisseling, monday)
	c.Post(at+"/plan", nil).Is(http.StatusOK)
	for _, hours := range []float64{7, 7, 4} {
		w.Employer(p.Receiving).Post(at+"/days/"+days[0]+"/attend", object{"attended": true, "hours": hours, "safety_briefed": true}).Is(http.StatusOK)
	}
	require.Equal(t, 2, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.attend'`, w.Tenant.UUID()))
	require.Equal(t, 1, w.Count(`select count(*) from audit where tenant_id = $1 and action = 'leeruitwisseling.attend' and details ->> 'hours' = '4'`, w.Tenant.UUID()))
}

// Every answer about an exchange shows its days, so there cannot be any number of them.
func TestDays_HaveAnEnd(t *testing.T) {
	t.Parallel()
	w := testkit.New(t)
	p := w.Pair()
	first := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	for i := range 100 {
		on := first.AddDate(0, 0, i)
		w.Insert("leeruitwisseling_days", map[string]any{"leeruitwisseling_id": p.Leeruitwisseling.UUID(), "sending_organisation_id": p.Sending.UUID(),
			"receiving_organisation_id": p.Receiving.UUID(), "date_on": on, "starts": "09:00", "ends": "16:30", "break_minutes": 30,
			"starts_at": on, "ends_at": on.Add(7 * time.Hour), "hours": 700})
	}
	one := object{"date_on": "2027-03-01", "starts": "09:00", "ends": "16:30", "break_minutes": 30}
	at := path(p.Leeruitwisseling) + "/days"
	w.Employer(p.Sending).Post(at, one).Problem(422, "invalid", "/date_on")
	day := w.Coordinator().Get(at + "?limit=1").Is(http.StatusOK).Str("data.0.id")
	w.Coordinator().Delete(at + "/" + day).Is(http.StatusNoContent)
	w.Employer(p.Sending).Post(at, one).Is(http.StatusCreated)
}
