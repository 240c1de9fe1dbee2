// Uses the client that ogen makes.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"example.com/clients/ogen/trainer"
	"github.com/ogen-go/ogen/ogenerrors"
)

type token struct{}

func (token) BearerToken(context.Context, trainer.OperationName) (trainer.BearerToken, error) {
	return trainer.BearerToken{Token: os.Getenv("TRAINER_API_TOKEN")}, nil
}

func (token) TrainerToken(context.Context, trainer.OperationName) (trainer.TrainerToken, error) {
	return trainer.TrainerToken{}, ogenerrors.ErrSkipClientSecurity
}

func main() {
	var request trainer.TrainingRequest
	check(json.NewDecoder(os.Stdin).Decode(&request))
	client, err := trainer.NewClient(os.Getenv("TRAINER_URL"), token{})
	check(err)
	ctx := context.Background()

	accepted, err := client.SubmitJob(ctx, &request)
	check(err)
	submitted := accepted.(*trainer.TrainingResponseHeaders).Response
	found, err := client.GetJob(ctx, trainer.GetJobParams{JobID: submitted.JobID})
	check(err)
	ended, err := client.CancelJob(ctx, trainer.CancelJobParams{JobID: submitted.JobID})
	check(err)
	request.JobID = "refused"
	request.Resources.Value.Gpus.SetTo(1)
	refused, err := client.SubmitJob(ctx, &request)
	check(err)
	problem := refused.(*trainer.SubmitJobBadRequest).Response
	paths := []string{}
	for _, violation := range problem.Errors {
		paths = append(paths, violation.Path)
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"submitted": submitted.Status,
		"read":      found.(*trainer.GetJobOKHeaders).Response.JobID,
		"cancelled": ended.(*trainer.GetJobOKHeaders).Response.Status,
		"problem":   []any{problem.Status, problem.Code, paths},
	}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
