// Uses the client that oapi-codegen makes.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"example.com/clients/oapi/trainer"
)

func main() {
	var request trainer.TrainingRequest
	check(json.NewDecoder(os.Stdin).Decode(&request))
	authenticate := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+os.Getenv("TRAINER_API_TOKEN"))
		return nil
	}
	client, err := trainer.NewClientWithResponses(os.Getenv("TRAINER_URL"), trainer.WithRequestEditorFn(authenticate))
	check(err)
	ctx := context.Background()

	submitted, err := client.SubmitJobWithResponse(ctx, request)
	check(err)
	read, err := client.GetJobWithResponse(ctx, submitted.JSON200.JobId, nil)
	check(err)
	cancelled, err := client.CancelJobWithResponse(ctx, submitted.JSON200.JobId, nil)
	check(err)
	request.JobId = "refused"
	gpus := 1
	request.Resources.Gpus = &gpus
	refused, err := client.SubmitJobWithResponse(ctx, request)
	check(err)
	problem := refused.ApplicationproblemJSON400
	paths := []string{}
	for _, violation := range problem.Errors {
		paths = append(paths, violation.Path)
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"submitted": submitted.JSON200.Status,
		"read":      read.JSON200.JobId,
		"cancelled": cancelled.JSON200.Status,
		"problem":   []any{problem.Status, problem.Code, paths},
	}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
