// Package charts keeps parsed charts while the files that they came from are unchanged, so that rendering one again
// does not read and parse it again.
package charts

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"sync"

	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/loader"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
)

// limit is how much all kept charts may weigh together, by weight's estimate; a chart of more than half is not kept.
const limit = 64 << 20

// Cache keeps charts by where they came from, the ones used last.
//
// What it gives is the caller's own: Helm changes the chart that it renders (helm: pkg/chart/v2/util/dependencies.go), so
// that nobody but clone ever sees what is kept. A copy was chosen over keeping the files and parsing them again: with many
// values it takes a seventh of the time, the look at the files included (BenchmarkLoad).
type Cache struct {
	mu     sync.Mutex
	limit  int
	weight int
	known  map[string]*list.Element // of *kept, the one used last in front
	order  *list.List
}

type kept struct {
	place  string
	state  state
	chart  *v2.Chart
	weight int
}

// New makes an empty cache.
func New() *Cache {
	return &Cache{limit: limit, known: map[string]*list.Element{}, order: list.New()}
}

// Load gives the chart of a directory or an archive, as Helm's loader does.
func (c *Cache) Load(path string) (chart.Charter, error) {
	before, settled := look(path)
	if known := c.get(path, before); known != nil {
		return known, nil
	}
	parsed, err := loader.Load(path)
	if err != nil || !settled {
		return parsed, err
	}
	if after, settled := look(path); settled && after == before {
		c.put(path, before, parsed)
	}
	return parsed, nil
}

// LoadArchive gives the chart of an archive's bytes.
func (c *Cache) LoadArchive(content []byte) (chart.Charter, error) {
	sum := state(sha256.Sum256(content))

	name := "bytes " + string(sum[:]) // no path: those are absolute
	if known := c.get(name, sum); known != nil {
		return known, nil
	}
	parsed, err := loader.LoadArchive(bytes.NewReader(content))
	if err == nil {
		c.put(name, sum, parsed)
	}
	return parsed, err
}

func (c *Cache) get(place string, now state) chart.Charter {
	c.mu.Lock()
	element := c.known[place]
	if element == nil {
		c.mu.Unlock()
		return nil
	}
	found := element.Value.(*kept)
	if found.state != now {
		c.drop(element)
		c.mu.Unlock()
		return nil
	}
	c.order.MoveToFront(element)
	c.mu.Unlock()
	return clone(found.chart)
}

func (c *Cache) put(place string, now state, parsed chart.Charter) {
	made, ok := parsed.(*v2.Chart)
	if !ok {
		return // Helm's other kind can not be named outside of it, and no action renders it
	}
	entry := &kept{place: place, state: now, weight: weigh(made)}
	if entry.weight > c.limit/2 {
		return
	}
	entry.chart = clone(made)
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.known[place]; old != nil {
		c.drop(old)
	}
	c.known[place] = c.order.PushFront(entry)
	c.weight += entry.weight
	for c.weight > c.limit {
		c.drop(c.order.Back())
	}
}

// drop is called with the lock held.
func (c *Cache) drop(element *list.Element) {
	entry := c.order.Remove(element).(*kept)
	delete(c.known, entry.place)
	c.weight -= entry.weight
}
