package bridge

import (
	"errors"
	"sync"
	"testing"
)

func TestHandlesStaleForEver(t *testing.T) {
	t.Parallel()
	h := NewHandles[string]()
	first := h.Add("first")
	if first == 0 {
		t.Fatal("a handle is 0")
	}
	if got, err := h.Get(first); err != nil || got != "first" {
		t.Fatalf("Get = %q, %v", got, err)
	}
	if got, err := h.Remove(first); err != nil || got != "first" {
		t.Fatalf("Remove = %q, %v", got, err)
	}
	second := h.Add("second") // takes the same slot
	if uint32(second) != uint32(first) || second == first {
		t.Fatalf("handles %x and %x: want one slot, two generations", first, second)
	}
	for _, handle := range []uint64{first, 0, 1, second + 1, second + 1<<32, 1<<64 - 1} {
		_, err := h.Get(handle)
		var stale *Error
		if !errors.As(err, &stale) || stale.Code != CodeStaleHandle {
			t.Errorf("Get(%x) = %v, want a stale handle", handle, err)
		}
		if _, err := h.Remove(handle); err == nil {
			t.Errorf("Remove(%x) gave no error", handle)
		}
	}
	if got, err := h.Get(second); err != nil || got != "second" {
		t.Fatalf("Get = %q, %v", got, err)
	}
}

func TestHandlesRetireAUsedUpSlot(t *testing.T) {
	t.Parallel()
	h := NewHandles[int]()
	handle := h.Add(1)
	h.slots[0].generation = 1<<32 - 1
	last := uint64(1<<32-1) << 32
	if _, err := h.Remove(last); err != nil {
		t.Fatal(err)
	}
	if again := h.Add(2); uint32(again) == uint32(handle) {
		t.Fatalf("the used up slot was given out again: %x", again)
	}
}

func TestHandlesConcurrently(t *testing.T) {
	t.Parallel()
	h := NewHandles[int]()
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			for range 200 {
				handle := h.Add(i)
				if got, err := h.Get(handle); err != nil || got != i {
					t.Errorf("Get = %d, %v, want %d", got, err, i)
				}
				if _, err := h.Remove(handle); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	if h.Len() != 0 || len(h.slots) > 8 {
		t.Fatalf("%d values left in %d slots", h.Len(), len(h.slots))
	}
}
