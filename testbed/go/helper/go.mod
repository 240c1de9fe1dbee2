module trainer.testbed/helper

go 1.26.0
