# Each need_… function puts a tool on PATH, for the stage that calls it, unless it is there already.

need_node() {
  node_is_new || has node || apt_install nodejs npm
  node_is_new && return
  # Debian's own may be too old to run the scripts, but it can fetch a newer one.
  local arch
  arch=$(node -p process.arch)
  npm install --silent --no-save --prefix "$WORK/node" "node-linux-$arch@24"
  export PATH="$WORK/node/node_modules/node-linux-$arch/bin:$PATH"
}

node_is_new() {
  has node && has npx && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]
}

# The version is the one that the test bed's modules ask for.
need_go() {
  local wanted toolchain
  wanted=$(sed -n 's/^go //p' testbed/go/*/go.mod | sort --version-sort | tail -1)
  has go || apt_install golang-go
  go_is_at_least "$wanted" && return
  # Debian's own may be too old to switch to a newer one by itself, but it can fetch it.
  toolchain="golang.org/toolchain@v0.0.1-go$wanted.linux-$(go env GOARCH)"
  go mod download "$toolchain"
  cp -r "$(go env GOMODCACHE)/$toolchain" "$WORK/go"
  chmod -R u+w "$WORK/go"
  chmod -R +x "$WORK/go/bin" "$WORK/go/pkg/tool"
  export PATH="$WORK/go/bin:$PATH"
}

go_is_at_least() {
  printf '%s\n' "$1" "$(go env GOVERSION | sed 's/^go//')" | sort --version-sort --check 2>/dev/null
}

# With venv and pip, which Debian packs apart.
need_python() {
  has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
}

# Of Java 11 or newer, which openapi-generator runs on.
need_java() {
  has java || apt_install default-jre-headless
}

need_maven() {
  has mvn || apt_install maven
}

# With readelf, of which the small torch of the runtime's tests is made.
need_compiler() {
  { has gcc && has readelf; } || apt_install gcc libc6-dev
}

# With the fonts of the pictures in docs/images.
need_chromium() {
  has chromium || apt_install chromium fonts-inter fonts-jetbrains-mono
}

# What the tests of `npm start` call.
need_ps_and_curl() {
  { has ps && has curl; } || apt_install procps curl
}

# What the test bed's node lays its pods' namespaces out with.
need_network_tools() {
  { has ip && has nsenter; } || apt_install iproute2 util-linux
}

has() { command -v "$1" >/dev/null; }

apt_install() {
  if [ -n "$HERE" ]; then
    echo "This needs $* of Debian, or the like: install it first." >&2
    return 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}
