// Compiles the patterns of a description; ends with 1 at one that RE2 cannot read.
package main

import (
	"encoding/json"
	"log"
	"os"
	"regexp"
)

func main() {
	var patterns []string
	if err := json.NewDecoder(os.Stdin).Decode(&patterns); err != nil {
		log.Fatal(err)
	}
	for _, pattern := range patterns {
		if _, err := regexp.Compile(pattern); err != nil {
			log.Fatal(err)
		}
	}
}
