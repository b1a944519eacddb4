package gws_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/gws"
)

func ExampleNew() {
	server := httptest.NewTLSServer(newAPI()) // stands for https://gws.example
	defer server.Close()
	token := func(context.Context) (string, error) { return "t1", nil } // of the authentication service

	ctx := context.Background()
	persons, err := gws.New(server.URL+"/provisioning/v3", token, &gws.Options{Client: server.Client(), Kinds: []config.Kind{config.KindPerson, config.KindSkill}})
	if err != nil {
		fmt.Println(err)
		return
	}
	live, err := config.Open(ctx, config.Join(config.NewFiles("testdata/site.yaml", nil), persons), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer live.Close()
	mo := live.Site().PersonByUserName("mo")
	fmt.Println(mo.FirstName, mo.LastName, mo.Skills)
	// Output: Mo Rim [{Brakes 8} {Tyres 2}]
}
