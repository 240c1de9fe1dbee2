import { Namespaces } from './namespaces.ts';
import { runTool } from './run-tool.ts';

const LAST_NETWORK = 200;

/**
 * The network of a node's pods: a bridge in a namespace of its own, to which the machine and each
 * pod are connected by a cable. Pods reach each other and the machine, and nothing else.
 */
export class PodNetwork {
  /** Where the machine is, as pods see it. */
  readonly hostIp: string;
  readonly #prefix: string;
  readonly #bridge: Namespaces;
  readonly #taken = new Set<number>();
  #cables = 0;

  private constructor(prefix: string, bridge: Namespaces) {
    this.#prefix = prefix;
    this.hostIp = `${prefix}.1`;
    this.#bridge = bridge;
  }

  static async open(helper: string): Promise<PodNetwork> {
    const script = 'ip link add bridge type bridge; ip link set bridge up; ip link set lo up';
    const bridge = await Namespaces.open(helper, ['net'], script);
    try {
      const number = await connectMachine(bridge.pid);
      return new PodNetwork(prefixOf(number), bridge);
    } catch (error) {
      await bridge.close();
      throw error;
    }
  }

  /** Connects a pod's network namespace; resolves with its address. */
  async connect(pod: Namespaces): Promise<string> {
    const host = this.#takeAddress();
    const address = `${this.#prefix}.${host}`;
    const cable = `pod${++this.#cables}`;
    await inside(
      this.#bridge.pid,
      `link add ${cable} type veth peer name eth0 netns ${pod.pid}`,
      `link set ${cable} master bridge up`,
    );
    await inside(
      pod.pid,
      'link set lo up',
      `addr add ${address}/24 dev eth0`,
      'link set eth0 up',
      `route add default via ${this.hostIp}`,
    );
    return address;
  }

  /** Lets another pod have the address. The cable went with the pod's namespace. */
  release(address: string): void {
    this.#taken.delete(Number(address.split('.').at(-1)));
  }

  close(): Promise<void> {
    return this.#bridge.close();
  }

  #takeAddress(): number {
    for (let host = 2; host < 255; host++) {
      if (this.#taken.has(host)) continue;
      this.#taken.add(host);
      return host;
    }
    throw new Error('the network of the pods has no free address');
  }
}

function prefixOf(number: number): string {
  return `10.88.${number}`;
}

/** Takes the first network that nobody else on this machine has; the kernel decides by its name. */
async function connectMachine(bridgePid: number): Promise<number> {
  for (let number = 0; number <= LAST_NETWORK; number++) {
    const cable = `testbed${number}`;
    try {
      await runTool(
        'ip',
        ...`link add ${cable} type veth peer name machine netns ${bridgePid}`.split(' '),
      );
    } catch (error) {
      if (/File exists/.test(String(error))) continue;
      throw error;
    }
    await inside(bridgePid, 'link set machine master bridge up');
    await runTool('ip', 'addr', 'add', `${prefixOf(number)}.1/24`, 'dev', cable);
    await runTool('ip', 'link', 'set', cable, 'up');
    return number;
  }
  throw new Error('all networks for pods are taken on this machine');
}

async function inside(pid: number, ...commands: string[]): Promise<void> {
  for (const command of commands)
    await runTool('nsenter', `--net=/proc/${pid}/ns/net`, 'ip', ...command.split(' '));
}
