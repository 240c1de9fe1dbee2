// Uses the client that openapi-generator makes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"

	"example.com/clients/generator/trainer"
)

func main() {
	var request trainer.TrainingRequest
	check(json.NewDecoder(os.Stdin).Decode(&request))
	configuration := trainer.NewConfiguration()
	configuration.Servers = trainer.ServerConfigurations{{URL: os.Getenv("TRAINER_URL")}}
	jobs := trainer.NewAPIClient(configuration).JobsAPI
	ctx := context.WithValue(context.Background(), trainer.ContextAccessToken, os.Getenv("TRAINER_API_TOKEN"))

	submitted, _, err := jobs.SubmitJob(ctx).TrainingRequest(request).Execute()
	check(err)
	read, _, err := jobs.GetJob(ctx, submitted.JobId).Execute()
	check(err)
	cancelled, _, err := jobs.CancelJob(ctx, submitted.JobId).Execute()
	check(err)
	request.JobId = "refused"
	request.Resources.Get().SetGpus(1)
	_, _, err = jobs.SubmitJob(ctx).TrainingRequest(request).Execute()
	var refusal *trainer.GenericOpenAPIError
	if !errors.As(err, &refusal) {
		log.Fatal("not refused: ", err)
	}
	problem := refusal.Model().(trainer.Problem)
	paths := []string{}
	for _, violation := range problem.Errors {
		paths = append(paths, violation.Path)
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"submitted": submitted.Status,
		"read":      read.JobId,
		"cancelled": cancelled.Status,
		"problem":   []any{problem.Status, problem.Code, paths},
	}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
