#include "driver/crun/network.h"

#include <charconv>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "driver/crun/layout.h"
#include "os/file.h"
#include "os/hash.h"
#include "os/process.h"

namespace mayfly::crun {

namespace {

constexpr const char* class_net = "/sys/class/net";
// Nobody has this address: the sandbox is told by hand which hardware it belongs to.
constexpr const char* gateway = "169.254.1.1";
// Addresses of a subnet that no slot gets: its own and what people take for a router's.
constexpr std::uint32_t first_slot = 16;
constexpr int fewest_bits = 8, most_bits = 20;

struct Range {
  std::uint32_t base;
  int bits;
};

std::optional<std::uint32_t> parse_address(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::optional<Range> parse_range(const std::string& text) {
  const auto slash = text.find('/');
  const auto base = parse_address(text.substr(0, slash));
  int bits = 32;
  if (slash != std::string::npos) {
    const auto [end, error] = std::from_chars(text.data() + slash + 1, text.data() + text.size(), bits);
    if (error != std::errc() || end != text.data() + text.size() || bits < 0 || bits > 32) return std::nullopt;
  }
  const auto host_part = bits == 32 ? 0u : 0xffffffffu >> bits;
  if (!base || (*base & host_part) != 0) return std::nullopt;
  return Range{*base, bits};
}

std::string dotted(std::uint32_t address) {
  char text[INET_ADDRSTRLEN];
  const in_addr raw{htonl(address)};
  return ::inet_ntop(AF_INET, &raw, text, sizeof text);
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

/// Runs a tool of the host on a script; `namespace_fd` is the network namespace it works in, -1 for the host's.
Status run_tool(std::vector<std::string> argv, const std::string& script, int namespace_fd = -1) {
  os::RunOptions options;
  options.argv = std::move(argv);
  options.input = script;
  options.timeout = std::chrono::seconds(10);
  if (namespace_fd >= 0)
    options.in_child = [namespace_fd] { return ::setns(namespace_fd, CLONE_NEWNET) == 0 ? 0 : errno; };
  const auto tool = options.argv.front();
  const auto done = os::run(options);
  if (!done) return fail(Code::unsupported, "run " + tool + ": " + done.error().message + "; is it installed?");
  if (done->exit_code == 0) return {};
  return fail(Code::unavailable, tool + " ended with " + std::to_string(done->exit_code) + ": " +
                                     done->err.substr(0, 400));
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string line_of(const std::string& path) {
  auto text = os::read_file(path, 4096).value_or("");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

Network::Network(Network&& other) noexcept
    : instance_(std::move(other.instance_)), options_(std::move(other.options_)), base_(other.base_),
      bits_(other.bits_) {}

Result<Network> Network::make(const std::string& instance, NetworkOptions options) {
  if (options.subnet.empty()) {
    // One of 256 subnets of 16,384 addresses: two instances on one host rarely meet, and are told when they do.
    const auto choice = std::strtoul(os::sha256_hex(instance).substr(0, 2).c_str(), nullptr, 16);
    options.subnet = "10." + std::to_string(64 + choice / 4) + "." + std::to_string(choice % 4 * 64) + ".0/18";
  }
  const auto subnet = parse_range(options.subnet);
  if (!subnet || 32 - subnet->bits < fewest_bits || 32 - subnet->bits > most_bits)
    return fail(Code::invalid, "network subnet \"" + options.subnet + "\": must be a network such as 10.98.0.0/18");
  for (const auto& network : options.allow)
    if (!parse_range(network))
      return fail(Code::invalid, "network allow \"" + network + "\": must be a network such as 10.1.0.0/16");
  for (const auto& resolver : options.resolvers)
    if (!parse_address(resolver))
      return fail(Code::invalid, "network resolvers \"" + resolver + "\": must be an IPv4 address");
  Network network(instance, std::move(options));
  network.base_ = subnet->base;
  network.bits_ = subnet->bits;
  return network;
}

std::string Network::prefix() const { return "mf" + os::sha256_hex(instance_).substr(0, 7) + "-"; }

std::string Network::name_of(std::uint32_t slot) const { return prefix() + std::to_string(slot); }

std::string Network::address(std::uint32_t slot) const { return dotted(base_ + first_slot + slot); }

std::string Network::resolver_file() const {
  std::string text;
  for (const auto& resolver : options_.resolvers) text += "nameserver " + resolver + "\n";
  return text;
}

/// The host itself (input), whoever has no business there (private networks, link-local, other sandboxes), IPv6, and
/// senders that lie about their address are refused; answers come back in.
std::string Network::rules() const {
  const auto ours = "\"" + prefix() + "*\"";
  std::string allowed = joined(options_.allow), resolvers = joined(options_.resolvers);
  if (!allowed.empty()) allowed = "    ip daddr { " + allowed + " } accept\n";
  if (!resolvers.empty())
    resolvers = "    ip daddr { " + resolvers + " } udp dport 53 accept\n    ip daddr { " + resolvers +
                " } tcp dport 53 accept\n";
  return "table inet " + table() + " {\n"
         "  chain out {\n"
         "    meta nfproto ipv6 drop\n"
         "    fib saddr . iif oif missing drop\n"
         "    oifname " + ours + " drop\n" + resolvers + allowed +
         "    ip daddr { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12,\n"
         "               192.168.0.0/16, 224.0.0.0/3 } drop\n"
         "    accept\n"
         "  }\n"
         "  chain forward {\n"
         "    type filter hook forward priority 0;\n"
         "    iifname " + ours + " jump out\n"
         "    oifname " + ours + " ct state established,related accept\n"
         "    oifname " + ours + " drop\n"
         "  }\n"
         "  chain input {\n"
         "    type filter hook input priority 0;\n"
         "    iifname " + ours + " drop\n"
         "  }\n"
         "  chain postrouting {\n"
         "    type nat hook postrouting priority 100;\n"
         "    ip saddr " + dotted(base_) + "/" + std::to_string(bits_) + " oifname != " + ours + " masquerade\n"
         "  }\n"
         "}\n";
}

Status Network::join(const Incarnation& incarnation, std::uint32_t slot, pid_t pid) {
  if (first_slot + slot >= 1u << (32 - bits_))
    return fail(Code::exhausted, "the network " + options_.subnet + " has no address for another sandbox");
  if (line_of("/proc/sys/net/ipv4/ip_forward") != "1")
    return fail(Code::unsupported,
                "network outbound: this host does not forward packets; an administrator allows it with "
                "`sysctl net.ipv4.ip_forward=1`",
                "network_unsupported");
  std::lock_guard guard(mutex_);
  TRY(os::open(options_.marker, O_WRONLY | O_CREAT, 0600));
  // Made anew in one transaction of the kernel, also when it stands: its rules are those of this configuration.
  TRY(run_tool({"nft", "-f", "-"}, "table inet " + table() + "\ndelete table inet " + table() + "\n" + rules()));
  auto attached = attach(incarnation, slot, pid);
  if (!attached) (void)run_tool({"ip", "-batch", "-"}, "link del " + name_of(slot) + "\n");
  return attached;
}

Status Network::attach(const Incarnation& incarnation, std::uint32_t slot, pid_t pid) const {
  const auto name = name_of(slot);
  // Of a start that died half way: the slot is ours now.
  if (exists(class_net + ("/" + name))) TRY(run_tool({"ip", "-batch", "-"}, "link del " + name + "\n"));
  const auto inside = TRY(os::open("/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY));
  TRY(run_tool({"ip", "-batch", "-"},
               "link add " + name + " type veth peer name eth0 netns " + std::to_string(pid) + "\n" +
               "link set " + name + " alias " + mount_tag(incarnation) + " up\n" +
               "route add " + address(slot) + "/32 dev " + name + "\n"));
  const auto hardware = line_of(class_net + ("/" + name + "/address"));
  return run_tool({"ip", "-batch", "-"},
                  "link set lo up\n"
                  "addr add " + address(slot) + "/32 dev eth0\n"
                  "link set eth0 up\n"
                  "route add " + std::string(gateway) + "/32 dev eth0 scope link\n"
                  "route add default via " + gateway + " dev eth0\n"
                  "neigh add " + gateway + " lladdr " + hardware + " dev eth0 nud permanent\n",
                  inside.get());
}

Status Network::leave(const Incarnation& incarnation) {
  std::lock_guard guard(mutex_);
  bool others = false;
  for (const auto& link : TRY(links())) {
    if (link.of != incarnation) {
      others = true;
      continue;
    }
    // It goes with its namespace, a moment after the last process; whoever is first wins.
    const auto removed = run_tool({"ip", "-batch", "-"}, "link del " + link.name + "\n");
    if (!removed && exists(class_net + ("/" + link.name))) return removed;
  }
  return others ? Status() : remove_table();
}

Status Network::settle() {
  std::lock_guard guard(mutex_);
  if (!exists(options_.marker) || !TRY(links()).empty()) return {};
  return remove_table();
}

/// The marker is there before the table and goes after it.
Result<std::optional<std::string>> Network::idle_table() {
  std::lock_guard guard(mutex_);
  if (!exists(options_.marker) || !TRY(links()).empty()) return std::optional<std::string>();
  return std::optional(table());
}

Status Network::remove_table() const {
  // Named first so that it is there to be deleted.
  TRY(run_tool({"nft", "-f", "-"}, "table inet " + table() + "\ndelete table inet " + table() + "\n"));
  ::unlink(options_.marker.c_str());
  return {};
}

Result<bool> Network::has(const Incarnation& incarnation) const {
  for (const auto& link : TRY(links()))
    if (link.of == incarnation) return true;
  return false;
}

Result<std::vector<Link>> Network::links() const {
  std::vector<Link> found;
  const auto ours = prefix();
  for (const auto& name : TRY(os::list_folder(class_net))) {
    if (!name.starts_with(ours)) continue;
    // Without its alias it is half made, and nobody's until its slot is taken again.
    const auto of = parse_mount_tag(line_of(class_net + ("/" + name + "/ifalias")));
    if (of) found.push_back({name, *of});
  }
  return found;
}

}  // namespace mayfly::crun
