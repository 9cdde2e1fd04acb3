/**
 * Which addresses a webhook may call. Whoever may send a message names a URL that the server calls from where
 * it stands, so what only the server can reach must be out of reach: the machine's metadata always, its own
 * network unless that is wanted.
 */
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Kind = "public" | "private" | "forbidden";

/** Ranges that lead nowhere, to many, or through a tunnel to an address that cannot be seen from here. */
const forbidden = new Set([
  "unspecified",
  "broadcast",
  "multicast",
  "linkLocal",
  "discard",
  "rfc6145",
  "rfc6052",
  "6to4",
  "teredo",
]);

/** Where clouds answer with credentials and settings, besides the link-local addresses. */
const metadata = [
  "fd00:ec2::/32", // Amazon
  "fd20:ce::254/128", // Google
  "168.63.129.16/32", // Azure
  "100.100.100.200/32", // Alibaba
  "192.0.0.192/32", // Oracle
  "fd00:42::42/128", // Scaleway
].map((range) => ipaddr.parseCIDR(range));

/** IPv6 addresses that stand for an IPv4 address behind NAT64, and what of IPv6 is given out to the world. */
const nat64 = ipaddr.IPv6.parseCIDR("64:ff9b::/96");
const global = ipaddr.IPv6.parseCIDR("2000::/3");

/** Why an IP address may not be called, in words; undefined when it may. */
export function addressProblem(address: string, allowPrivate: boolean): string | undefined {
  const kind = kindOf(embedded(ipaddr.parse(address)));
  if (kind === "forbidden") {
    return `${address} must not be called: it is link-local, a cloud's metadata service or no single host`;
  }
  if (kind === "private" && !allowPrivate) {
    return `${address} must not be called: it is private, and the server was started without --webhook-allow-private`;
  }
  return undefined;
}

/** The IP address that a URL names, whichever way it writes it; undefined when it names a host. */
export function literalAddress(url: URL): string | undefined {
  const host = hostOf(url);
  return ipaddr.isValid(host) ? host : undefined;
}

/** The host of a URL as a resolver takes it: an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

function kindOf(address: Address): Kind {
  const range: string = address.range();
  if (forbidden.has(range) || metadata.some((block) => isIn(address, block))) return "forbidden";
  if (range !== "unicast") return "private";
  return address instanceof ipaddr.IPv4 || address.match(global) ? "public" : "forbidden";
}

/** The IPv4 address that is called when an IPv6 address only wraps one; else the address itself. */
function embedded(address: Address): Address {
  if (address instanceof ipaddr.IPv4) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.match(nat64) ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address;
}

function isIn(address: Address, [block, bits]: [Address, number]): boolean {
  return address.kind() === block.kind() && address.match(block, bits);
}
