import ipaddr from "ipaddr.js";

interface AddressBook {
  requestIP(request: Request): { address: string } | null;
}

/**
 * Where a request comes from, for counting. An IPv6 address counts by its network of 64 bits, because whoever has one
 * address of it has all. Behind a proxy it is the proxy's: what a header says anyone could say.
 */
export function addressOf(request: Request, server: AddressBook | null): string {
  const address = server?.requestIP(request)?.address;
  if (address === undefined || !ipaddr.isValid(address)) return "unknown";
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  return `${parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(":")}::/64`;
}
