package webhook

import (
	"sync"
	"time"
)

// yieldFor bounds how long a step of a long lane waits for others, and for how long each of those goes first.
const yieldFor = 5 * time.Millisecond

// precedence is that of a look, and of what it takes until that is answered, over the steps of long lanes: a call, a look for more,
// reading it, noting what came of it. On the same processors each of these, in our process or in the database's, keeps waiting
// whoever was woken meanwhile, and what is on its way to somebody else is woken a dozen times.
type precedence struct {
	most time.Duration

	mu   sync.Mutex
	n    int           // how many go first
	none chan struct{} // closed once that is 0
}

// enter says that something goes first until out is called, or for as long as that may last.
func (p *precedence) enter() (out func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n == 0 {
		p.none = make(chan struct{})
	}
	p.n++
	out = sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.n--; p.n == 0 {
			close(p.none)
		}
	})
	time.AfterFunc(p.most, out)
	return out
}

// yield returns once nothing goes first, or after a while: where others always have something under way, long lanes go on as well.
func (p *precedence) yield() {
	p.mu.Lock()
	n, none := p.n, p.none
	p.mu.Unlock()
	if n == 0 {
		return
	}
	timer := time.NewTimer(p.most)
	defer timer.Stop()
	select {
	case <-none:
	case <-timer.C:
	}
}
