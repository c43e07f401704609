#include "main/config.h"

#include <charconv>
#include <set>

#include <toml++/toml.h>

namespace mayfly {

namespace {

/// `what` is the option or setting that says so.
Status listen_on(const std::string& what, const std::string& text, std::string& address, std::uint16_t& on) {
  const auto colon = text.rfind(':');
  unsigned port = 0;
  const auto digits = colon == std::string::npos ? std::string() : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (colon == 0 || digits.empty() || error != std::errc() || end != digits.data() + digits.size() || port > 65535)
    return fail(Code::invalid, what + " wants ADDRESS:PORT, such as 127.0.0.1:7070; got \"" + text + "\"");
  address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  on = static_cast<std::uint16_t>(port);
  return {};
}

/// An origin, perhaps with a path, that links can be made of: no slash at its end, nothing behind it.
Status check_url(const std::string& name, std::string& url) {
  while (url.ends_with('/')) url.pop_back();
  if (url.empty()) return {};
  const bool schemed = url.starts_with("http://") || url.starts_with("https://");
  const auto host = schemed ? url.find("://") + 3 : 0;
  if (schemed && host < url.size() && url[host] != '/' && url.find_first_of("?# \t\r\n\"@") == std::string::npos)
    return {};
  return fail(Code::invalid, name + " must be a URL such as https://mayfly.example.org; got \"" + url + "\"");
}

/// Reads the members of one table and refuses all others.
class Section {
 public:
  Section(const toml::table& file, std::string name) : table_(file[name].as_table()), name_(std::move(name)) {}

  template <class Integer>
  Status integer(const char* key, Integer& into, std::int64_t least, std::int64_t most) {
    known_.insert(key);
    if (!table_ || !table_->contains(key)) return {};
    const auto value = (*table_)[key].value<std::int64_t>();
    if (!value || *value < least || *value > most)
      return fail(Code::invalid, "[" + name_ + "] " + key + " must be an integer from " + std::to_string(least) +
                                     " to " + std::to_string(most));
    into = static_cast<Integer>(*value);
    return {};
  }

  Status text(const char* key, std::string& into) {
    known_.insert(key);
    if (!table_ || !table_->contains(key)) return {};
    const auto value = (*table_)[key].value<std::string>();
    if (!value) return fail(Code::invalid, "[" + name_ + "] " + key + " must be a string");
    into = *value;
    return {};
  }

  Status texts(const char* key, std::vector<std::string>& into) {
    known_.insert(key);
    if (!table_ || !table_->contains(key)) return {};
    const auto refused = fail(Code::invalid, "[" + name_ + "] " + key + " must be a list of strings");
    const auto* list = (*table_)[key].as_array();
    if (!list) return refused;
    for (const auto& element : *list) {
      const auto value = element.value<std::string>();
      if (!value) return refused;
      into.push_back(*value);
    }
    return {};
  }

  Status integers(const char* key, std::vector<int>& into, int least, int most) {
    known_.insert(key);
    if (!table_ || !table_->contains(key)) return {};
    const auto refused = fail(Code::invalid, "[" + name_ + "] " + key + " must be a list of integers from " +
                                                 std::to_string(least) + " to " + std::to_string(most));
    const auto* list = (*table_)[key].as_array();
    if (!list) return refused;
    into.clear();
    for (const auto& element : *list) {
      const auto value = element.value<std::int64_t>();
      if (!value || *value < least || *value > most) return refused;
      into.push_back(static_cast<int>(*value));
    }
    return {};
  }

  Status finish() const {
    if (!table_) return {};
    for (const auto& [key, value] : *table_)
      if (!known_.contains(std::string(key.str())))
        return fail(Code::invalid, "[" + name_ + "] has no setting \"" + std::string(key.str()) + "\"");
    return {};
  }

 private:
  const toml::table* table_;
  std::string name_;
  std::set<std::string> known_;
};

/// [cleanup], and its caps: kind_NAME and driver_NAME.
Status read_cleanup(const toml::table& file, Config& config) {
  Section cleanup(file, "cleanup");
  auto& rules = config.dispatch;
  TRY(cleanup.integer("workspace_cap", rules.caps.per_workspace, 0, 1'000'000));
  for (const auto verb : verb_names()) {
    const auto kind = std::string(describe(kind_of(*parse_verb(verb))).name);
    int cap = 0;
    TRY(cleanup.integer(("kind_" + kind).c_str(), cap, 0, 1'000'000));
    if (cap > 0) rules.caps.kinds[kind] = cap;
  }
  for (const auto part : dispatch::parts) {
    const std::string name(dispatch::name(part));
    int cap = 0;
    TRY(cleanup.integer(("driver_" + name).c_str(), cap, 0, 1'000'000));
    if (cap > 0) rules.caps.parts[name] = cap;
  }
  TRY(cleanup.integer("blast_deletes", rules.blast.least, 0, 1'000'000));
  TRY(cleanup.integer("blast_percent", rules.blast.percent, 1, 100));
  TRY(cleanup.integer("keep_completed_days", config.keep_completed_days, 1, 36'500));
  return cleanup.finish();
}

Status read_runtimes(Section& runtimes, Config& config) {
  constexpr std::int64_t year = 366 * 86'400;
  std::int64_t most = 8 * 3600, standard = 0;
  TRY(runtimes.integer("max_limit_seconds", most, 60, year));
  TRY(runtimes.integer("default_limit_seconds", standard, 0, most));
  if (standard != 0 && standard < 60)
    return fail(Code::invalid, "[runtimes] default_limit_seconds must be 0 for none, or at least 60");
  config.runtime_limits.platform_max = std::chrono::seconds(most);
  if (standard != 0) config.runtime_limits.platform_default = std::chrono::seconds(standard);
  TRY(runtimes.integers("warn_seconds", config.warn_seconds, 1, 86'400));
  TRY(runtimes.integer("call_seconds", config.call_seconds, 1, 600));
  TRY(runtimes.integer("token_seconds", config.token_seconds, 60, 86'400));
  return runtimes.text("image", config.runtime_image);
}

Status read_tables(const toml::table& file, Config& config) {
  const std::set<std::string> sections = {"images", "store", "workers", "reconcile", "disk",   "crun",       "network",
                                          "pool",   "tls",   "data",    "ports",     "limits", "public_url", "runtimes",
                                          "clients", "cleanup"};
  for (const auto& [key, value] : file)
    if (!sections.contains(std::string(key.str())))
      return fail(Code::invalid, "there is no section [" + std::string(key.str()) + "]");

  Section store(file, "store"), workers(file, "workers"), reconcile(file, "reconcile"), disk(file, "disk"),
      crun(file, "crun"), network(file, "network"), tls(file, "tls"), data(file, "data"), ports(file, "ports"),
      limits(file, "limits"), runtimes(file, "runtimes");
  TRY(store.integer("wal_autocheckpoint", config.wal_autocheckpoint, 50, 1'000'000));
  TRY(workers.integer("fast", config.fast_workers, 1, 256));
  TRY(workers.integer("slow", config.slow_workers, 1, 256));
  TRY(reconcile.integer("every_seconds", config.reconcile_seconds, 1, 86'400));
  TRY(disk.integer("watermark_mb", config.disk_watermark_mb, 0, std::int64_t{1} << 40));
  TRY(read_cleanup(file, config));
  TRY(limits.integer("requests_per_second", config.rate_limit.per_second, 0, 1'000'000));
  config.rate_limit.burst = config.rate_limit.per_second;
  TRY(limits.integer("burst", config.rate_limit.burst, 1, 1'000'000));
  TRY(read_runtimes(runtimes, config));
  TRY(crun.text("agent", config.agent));
  TRY(crun.text("binary", config.crun));
  TRY(network.text("subnet", config.subnet));
  TRY(network.texts("allow", config.allowed_networks));
  TRY(network.texts("resolvers", config.resolvers));
  TRY(tls.text("cert", config.certificate));
  TRY(tls.text("key", config.key));
  if (config.certificate.empty() != config.key.empty())
    return fail(Code::invalid, "[tls] needs both cert and key, the paths of two PEM files");
  std::string listen;
  TRY(data.text("listen", listen));
  TRY(data.text("public_url", config.data_url));
  if (!listen.empty()) TRY(listen_on("[data] listen", listen, config.data_address, config.data_port));
  else if (!config.data_url.empty()) return fail(Code::invalid, "[data] public_url without [data] listen");
  TRY(check_url("[data] public_url", config.data_url));
  TRY(ports.integer("idle_seconds", config.port_idle_seconds, 1, 604'800));
  for (const auto* section : {&store, &workers, &reconcile, &disk, &crun, &network, &tls, &data, &ports, &limits,
                              &runtimes})
    TRY(section->finish());
  if (const auto* url = file.get("public_url")) {
    const auto text = url->value<std::string>();
    if (!text) return fail(Code::invalid, "public_url must be a string");
    config.public_url = *text;
    TRY(check_url("public_url", config.public_url));
  }

  if (const auto* pool = file["pool"].as_table()) {
    for (const auto& [key, value] : *pool) {
      const auto size = value.value<std::int64_t>();
      if (!size || *size < 0 || *size > 1024)
        return fail(Code::invalid, "[pool] " + std::string(key.str()) + " must be an integer from 0 to 1024");
      config.pool[std::string(key.str())] = static_cast<int>(*size);
    }
  }
  if (const auto* clients = file["clients"].as_table()) {
    for (const auto& [key, value] : *clients) {
      const auto version = value.value<std::string>();
      if (!version) return fail(Code::invalid, "[clients] " + std::string(key.str()) + " must be a version, a string");
      config.minimum_clients[std::string(key.str())] = *version;
    }
  }
  if (const auto* images = file["images"].as_table()) {
    for (const auto& [key, value] : *images) {
      const auto target = value.value<std::string>();
      if (!target) return fail(Code::invalid, "[images] " + std::string(key.str()) + " must be a string");
      if (key.str() == "debian_mirror" || key.str() == "debian_keyring") {
        (key.str() == "debian_mirror" ? config.debian_mirror : config.debian_keyring) = *target;
        continue;
      }
      config.image_aliases[std::string(key.str())] = *target;
    }
  }
  return {};
}

Status read_file(const std::string& path, Config& config) {
  try {
    return read_tables(toml::parse_file(path), config);
  } catch (const toml::parse_error& error) {
    return fail(Code::invalid, "line " + std::to_string(error.source().begin.line) + ": " +
                                   std::string(error.description()));
  }
}

}  // namespace

Result<Config> read_config(int argc, char** argv) {
  Config config;
  std::string file;
  for (int i = 2; i < argc; ++i) {
    std::string option = argv[i], value;
    if (option == "--help" || option == "-h") {
      config.help = true;
      return config;
    }
    if (option == "--list-failpoints") {
      config.list_failpoints = true;
      continue;
    }
    if (option == "--trust-clock") {
      config.trust_clock = true;
      continue;
    }
    if (const auto equals = option.find('='); equals != std::string::npos) {
      value = option.substr(equals + 1);
      option.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return fail(Code::invalid, option + " wants a value");
    }
    if (option == "--data") config.data = value;
    else if (option == "--listen") TRY(listen_on("--listen", value, config.address, config.port));
    else if (option == "--config") file = value;
    else
      return fail(Code::invalid,
                  "mayfly serve has no option \"" + option + "\"; it takes --data, --listen, --config and "
                  "--trust-clock");
  }
  if (config.data.empty() && !config.list_failpoints)
    return fail(Code::invalid, "mayfly serve needs --data DIR, the folder that everything is kept in");
  if (!file.empty())
    if (auto read = read_file(file, config); !read) return tl::unexpected(in_context(file, read.error()));
  return config;
}

}  // namespace mayfly
