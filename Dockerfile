# syntax=docker/dockerfile:1
# One image for each service:
#   docker build --build-arg SERVICE=nemo-api --tag trainer-nemo-api:0.1.0 .
# test/bundle.test.ts does what both stages say without a container engine, and runs the result.
ARG NODE_IMAGE=node:24.21.0-slim

FROM ${NODE_IMAGE} AS build
ARG SERVICE
WORKDIR /src
COPY . .
RUN npm run build -- "${SERVICE}"

FROM ${NODE_IMAGE}
ARG SERVICE
# Names are looked up in UV_THREADPOOL_SIZE threads, and one that hangs holds one of them for seconds.
# NODE_OPTIONS: see scripts/node-options.mjs.
ENV NODE_ENV=production HOST=0.0.0.0 UV_THREADPOOL_SIZE=16 NODE_OPTIONS=--max-semi-space-size=16
WORKDIR /app
COPY --from=build /src/dist/${SERVICE} ./
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "healthcheck.mjs"]
# The base image's entry point is a shell script, and nothing here needs a shell.
ENTRYPOINT []
CMD ["node", "server.mjs"]
