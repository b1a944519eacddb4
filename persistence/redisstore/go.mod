module github.com/seed-ff723688/ors/persistence/redisstore

go 1.25.0

require (
	github.com/redis/rueidis v1.0.79
	github.com/seed-ff723688/ors v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace github.com/seed-ff723688/ors => ../..
