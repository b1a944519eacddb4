package rest

// Description is the OpenAPI document, for tests that compare it with what is answered.
func (h *Handler) Description() map[string]any { return h.description() }
