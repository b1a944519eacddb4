package fm

import "fmt"

// RouterStatistics are the statistics of a router, for ServicesOptions.Statistics:
// _genesys.statistic.sData and <statistic:subscribe> ask it by name.
type RouterStatistics struct {
	// Router is a *router.Router, or whatever else knows values by the same names.
	Router interface {
		Statistic(object, statistic string) (float64, error)
	}
}

// Value implements Statistics.
func (s RouterStatistics) Value(object string, statistic Statistic) (float64, error) {
	if statistic.Definition != nil {
		return 0, fmt.Errorf("fm: the router keeps statistics by name only, not %.200s", statistic)
	}
	return s.Router.Statistic(object, statistic.Name)
}

// Subscribe implements Statistics. Statistics that the router does not keep are
// refused.
func (s RouterStatistics) Subscribe(object string, statistic Statistic) error {
	_, err := s.Value(object, statistic)
	return err
}

// Unsubscribe implements Statistics.
func (RouterStatistics) Unsubscribe(string, Statistic) {}
