package config_test

import (
	"context"
	"fmt"

	"github.com/seed-ff723688/ors/config"
)

// An export of a Configuration Server, made by mutagen.
func ExampleNewFiles() {
	live, err := config.Open(context.Background(), config.NewFiles("testdata/export/site.json", nil), &config.LiveOptions{
		Site: config.SiteOptions{Application: "ORS_Bikes"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer live.Close()
	strategy, err := live.Site().Resolve("5000")
	fmt.Println(strategy.URL, err)
	fmt.Println(live.Site().Warnings()[0])
	// Output:
	// http://apps.example/repair.scxml?from=[ANI] <nil>
	// config: site.json:63: applications 4: the export has no prototype "gone", which has the type of the application Ticker; it counts as Other: export appPrototypes too
}

// Applications and scripts from one place, lists from another.
func ExampleJoin() {
	live, err := config.Open(context.Background(), config.Join(
		config.NewFiles("testdata/export", nil),
		config.NewFiles("testdata/days", nil),
	), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer live.Close()
	fmt.Println(len(live.Site().Objects().Applications), len(live.Site().Objects().StatTables))
	// Output: 4 1
}
