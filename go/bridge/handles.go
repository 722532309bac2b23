package bridge

import (
	"math"
	"sync"
)

// Handles gives out numbers for values, in place of the pointers that must not cross to C.
//
// A number is a slot and the slot's generation, so one that was removed stays stale for ever, even when its slot is used again.
type Handles[T any] struct {
	mu    sync.RWMutex
	slots []slot[T]
	free  []uint32
}

type slot[T any] struct {
	generation uint32
	used       bool
	value      T
}

// NewHandles makes an empty table.
func NewHandles[T any]() *Handles[T] { return &Handles[T]{} }

// Add keeps the value and gives its number, which is never 0.
func (h *Handles[T]) Add(value T) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var index uint32
	if last := len(h.free) - 1; last >= 0 {
		index = h.free[last]
		h.free = h.free[:last]
	} else {
		index = uint32(len(h.slots))
		h.slots = append(h.slots, slot[T]{generation: 1})
	}
	s := &h.slots[index]
	s.used, s.value = true, value
	return uint64(s.generation)<<32 | uint64(index)
}

// Get gives the value that the number stands for.
func (h *Handles[T]) Get(handle uint64) (T, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if s := h.find(handle); s != nil {
		return s.value, nil
	}
	var none T
	return none, stale(handle)
}

// Remove gives the value a last time; its number is stale from now on.
func (h *Handles[T]) Remove(handle uint64) (T, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var none T
	s := h.find(handle)
	if s == nil {
		return none, stale(handle)
	}
	value := s.value
	s.value, s.used = none, false
	// A slot whose generations are used up is never given out again.
	if s.generation < math.MaxUint32 {
		s.generation++
		h.free = append(h.free, uint32(handle))
	}
	return value, nil
}

// Len is how many values are kept.
func (h *Handles[T]) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	kept := 0
	for i := range h.slots {
		if h.slots[i].used {
			kept++
		}
	}
	return kept
}

func (h *Handles[T]) find(handle uint64) *slot[T] {
	index, generation := uint32(handle), uint32(handle>>32)
	if uint64(index) >= uint64(len(h.slots)) {
		return nil
	}
	if s := &h.slots[index]; s.used && s.generation == generation {
		return s
	}
	return nil
}

func stale(handle uint64) *Error {
	return Errorf(CodeStaleHandle, "the configuration is closed or was never opened (handle %d)", handle)
}
