#include "main/serve.h"

#include <csignal>
#include <cstdio>
#include <future>
#include <thread>

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "api/native/routes.h"
#include "api/routes.h"
#include "base/failpoint.h"
#include "http/server.h"
#include "main/engine.h"
#include "main/log.h"
#include "main/openapi_document.h"

namespace mayfly {

namespace {

constexpr auto stop_grace = std::chrono::milliseconds(5000);
// Of that, for calls that wait for something and may yet get it; the rest is for telling them.
constexpr auto wait_grace = std::chrono::milliseconds(2000);
constexpr timespec certificate_period{.tv_sec = 60, .tv_nsec = 0};

int refuse(const Error& error) {
  std::fprintf(stderr, "mayfly: %s\n", error.message.c_str());
  return 2;
}

int print_help() {
  std::puts(
      "mayfly serve --data DIR [--listen ADDRESS:PORT] [--config FILE.toml] [--trust-clock]\n\n"
      "  --data DIR       the folder that everything is kept in; one server at a time\n"
      "  --listen A:P     where the API is served (default 127.0.0.1:7070; port 0: any free one)\n"
      "  --config FILE    settings; docs/operating.md lists them\n"
      "  --trust-clock    the wall clock is right, however long the server was away\n\n"
      "MAYFLY_ADMIN_KEY sets the admin key; without it one is made, printed once and kept in DIR/admin.key.\n"
      "With the server down, `mayfly doctor --data DIR` compares the host with the database.");
  return 0;
}

int list_failpoints() {
#ifdef MAYFLY_TEST_BUILD
  for (const auto name : failpoint::names()) std::printf("%.*s\n", int(name.size()), name.data());
  return 0;
#else
  return refuse({Code::unsupported, "failpoints exist in test builds only: ./do build test", {}, {}});
#endif
}

void log_request(const http::Finished& finished) {
  const auto level = finished.status >= 500 ? log::Level::warning : log::Level::info;
  log::line(level, "request",
            {{"request_id", finished.request.id},
             {"method", finished.request.method},
             {"route", std::string(finished.route)},
             {"path", finished.request.path},
             {"status", std::to_string(finished.status)},
             {"took_us", std::to_string(finished.took.count())},
             {"peer", finished.request.peer}});
}

/// Signals are taken by the main thread alone, in sigwait; all others inherit the block.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

std::string url_of(const std::string& address, std::uint16_t port, bool https) {
  const bool six = address.find(':') != std::string::npos;
  return (https ? "https://" : "http://") + (six ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

/// Looks at the certificate again: at SIGHUP in any case, else when its files have changed.
void reload(http::TlsFiles& files, bool in_any_case) {
  const auto renewed = files.reload(in_any_case);
  if (!renewed)
    log::error("the certificate was not renewed; the one before stays in use", {{"error", renewed.error().message}});
  else if (*renewed) log::info("the certificate was read again, for new connections");
}

/// Until a signal that ends us comes: its number.
int wait_for_end(const sigset_t& signals, http::TlsFiles* files) {
  for (;;) {
    const int number = ::sigtimedwait(&signals, nullptr, &certificate_period);
    if (number == SIGTERM || number == SIGINT) return number;
    if (files) reload(*files, number == SIGHUP);
  }
}

/// As many connections as the host allows us: each tunnel takes two descriptors.
void raise_open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Both listeners at once: each may need its grace.
void stop(http::Server& server, http::Server& data_server, Engine& engine) {
  std::promise<void> stopped;
  std::thread last_call([&engine, over = stopped.get_future()] {
    over.wait_for(wait_grace);
    engine.end_waits();
  });
  std::thread data_stop([&] { data_server.stop(stop_grace); });
  server.stop(stop_grace);
  data_stop.join();
  stopped.set_value();
  last_call.join();
}

Status run(const Config& config) {
  const auto signals = block_signals();
  // One arena for each of a hundred threads would hold more memory than all of them use.
  ::mallopt(M_ARENA_MAX, 2);
  // The first processes of sandboxes become our children when crun ends, so that their end is noticed and reaped.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  raise_open_files();
  std::shared_ptr<http::TlsFiles> tls;
  if (!config.certificate.empty()) tls = TRY(http::TlsFiles::load(config.certificate, config.key));
  auto folder = TRY(DataFolder::open(config.data));
  const auto key = TRY(admin_key(folder));
  const auto data = folder.path();
  // Made once, so told now: whatever keeps this start from ending well, the next one will not make another.
  if (key.made) {
    std::printf("admin key (shown once, kept in %s/admin.key): %s\n", data.c_str(), key.secret.c_str());
    std::fflush(stdout);
  }
  const auto engine = TRY(Engine::open(config, std::move(folder), key));
  engine->services().openapi = openapi_document;

  const auto finished = [&engine](const http::Finished& done) {
    engine->requests.add(done.request.method, done.route, done.status);
    log_request(done);
  };
  http::Router router, data_router;
  http::ServerOptions options;
  options.tls = tls;
  options.address = config.data_address;
  options.port = config.data_port;
  http::Server data_server(options, data_router, finished);
  options.address = config.address;
  options.port = config.port;
  options.stream_threads = Streams::limit;
  http::Server server(options, router, finished);

  auto& front = engine->services().front;
  front = {config.public_url, config.data_url, tls != nullptr, std::chrono::seconds(config.port_idle_seconds),
           config.minimum_clients};
  api::native::add_data_routes(data_router, engine->services());
  TRY(engine->start());
  if (!config.data_address.empty()) {
    TRY(data_server.start());
    if (front.data_url.empty()) front.data_url = url_of(config.data_address, data_server.port(), tls != nullptr);
  }
  api::add_routes(router, engine->services());
  TRY(server.start());
  const auto url = url_of(config.address, server.port(), tls != nullptr);
  std::printf("mayfly " MAYFLY_VERSION " listening on %s%s%s\n", url.c_str(),
              front.data_url.empty() ? "" : " ports at ", front.data_url.c_str());
  std::fflush(stdout);
  log::info("started", {{"data", data}, {"port", std::to_string(server.port())}});

  const int number = wait_for_end(signals, tls.get());
  log::info("stopping", {{"signal", std::to_string(number)}});
  stop(server, data_server, *engine);
  engine->stop();
  log::info("stopped");
  return {};
}

}  // namespace

int serve(int argc, char** argv) {
  const auto config = read_config(argc, argv);
  if (!config) return refuse(config.error());
  if (config->help) return print_help();
  if (config->list_failpoints) return list_failpoints();
  const auto done = run(*config);
  return done ? 0 : refuse(done.error());
}

int doctor_offline(int argc, char** argv) {
  auto config = read_config(argc, argv);
  if (!config) return refuse(config.error());
  if (config->help) return print_help();
  if (!os::open(config->data + "/mayfly.db", O_RDONLY))
    return refuse(
        {Code::not_found, config->data + " is not the data directory of a server: it has no mayfly.db", {}, {}});
  auto folder = DataFolder::open(config->data);
  if (!folder && folder.error().reason == "data_directory_in_use") {
    std::fprintf(stderr, "mayfly: the server of this data directory is up; ask it: mayfly doctor\n");
    return 2;
  }
  if (!folder) return refuse(folder.error());
  const auto report = Engine::examine(*config, std::move(*folder));
  if (!report) return refuse(report.error());
  for (const auto& finding : report->findings)
    std::printf("%s: %s\n", std::string(reconcile::name(finding.trouble)).c_str(), finding.text.c_str());
  std::printf("%s: %zu sandboxes and %zu things of the host compared, %zu findings\n",
              report->clean() ? "clean" : "NOT CLEAN", report->sandboxes, report->things, report->findings.size());
  return report->clean() ? 0 : 1;
}

}  // namespace mayfly
