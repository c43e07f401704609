#include "main/engine.h"

#include <algorithm>

#include <malloc.h>
#include <unistd.h>

#include "main/log.h"
#include "os/hash.h"

namespace mayfly {

namespace {

// Looks at what has no event of its own: uses to write down, callers to give up on, the clock, layers that grow.
constexpr Duration house_period = 1s;
constexpr int clock_every = 5;
constexpr Duration pool_period = 10s;
// Whoever has just taken one is about to use it: the next one is not started beside their first command.
constexpr auto pool_pause = std::chrono::milliseconds(25);
// A batch of completed cleanup tasks is some 5 ms of the only writer.
constexpr int most_purges = 30;
constexpr auto between_purges = std::chrono::milliseconds(20);
// A doctor's second look: what was on its way has arrived by then.
constexpr auto between_looks = std::chrono::milliseconds(100);
constexpr int disk_every = 2;
constexpr int ballast_every = 60;
constexpr int forget_every = 10;
constexpr int purge_every = 10;
constexpr int trim_every = 15;
constexpr int collect_every = 60;
// A loop that could not reach the store tries again after this, instead of spinning.
constexpr Duration after_trouble = 1s;

std::string beside_this_program(const std::string& name) {
  char path[4096];
  const auto length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0) return name;
  const std::string self(path, static_cast<std::size_t>(length));
  return self.substr(0, self.rfind('/') + 1) + name;
}

}  // namespace

Engine::Engine(const Config& config, DataFolder folder) : config_(config), folder_(std::move(folder)) {}

Engine::~Engine() { stop(); }

Result<std::unique_ptr<Engine>> Engine::open(const Config& config, DataFolder folder, const AdminKey& key) {
  std::unique_ptr<Engine> engine(new Engine(config, std::move(folder)));
  engine->alarm_ = TRY(Alarm::make());
  TRY(engine->open_store());
  const auto record = TRY(load_clock(*engine->store_));
  const auto clock = continue_clock(record, TRY(boot_id()), boottime(), engine->clock_.wall(), config.trust_clock);
  engine->clock_.start_from(clock.base);
  engine->boot_id_ = clock.boot_id;
  if (clock.jumped)
    log::error("the wall clock stands more than 7 days after the last sign of life: nothing expires until the server "
               "is started again with a clock that is right, or with --trust-clock if this one is");
  engine->installation_ = TRY(open_installation(*engine->store_, engine->random_, os::sha256_hex(key.secret),
                                                key.secret.substr(0, 6), clock));
  TRY(engine->open_driver());
  engine->lists_ = std::make_unique<Lists>(
      *engine->store_, query::Cursors(TRY(cursor_keys(*engine->store_, engine->random_)), os::hmac_sha256));
  TRY(engine->wire_runtimes());
  TRY(engine->catalog_->ensure_builtin());
  for (const auto& [name, target] : config.image_aliases) TRY(engine->catalog_->alias(name, target));
  return engine;
}

Result<Report> Engine::examine(const Config& config, DataFolder folder) {
  Engine engine(config, std::move(folder));
  engine.clock_.start_from(engine.clock_.wall().time_since_epoch() - boottime());
  TRY(engine.open_store());
  engine.installation_.instance = TRY(engine.store_->read([](Transaction& t) -> Result<std::string> {
    const auto instance = TRY(t.settings().get("instance"));
    if (!instance)
      return fail(Code::not_found, "no server has ever run on this data directory", "not_a_data_directory");
    return *instance;
  }));
  TRY(engine.open_driver());
  engine.stopping_ = true;
  return examine_at_rest(*engine.store_, *engine.driver_, *engine.blobs_, *engine.images_, engine.installation_);
}

Status Engine::open_store() {
  SqliteOptions options;
  options.path = folder_.path() + "/mayfly.db";
  options.wal_autocheckpoint = config_.wal_autocheckpoint;
  options.on_full = [this] {
    folder_.free_ballast();
    log::error("the disk is full: the ballast was freed so that deletes can go on", {{"data", folder_.path()}});
  };
  store_ = TRY(SqliteStore::open(options, clock_));
  return {};
}

Status Engine::open_driver() {
  CrunOptions options;
  options.data = folder_.path();
  options.instance = installation_.instance;
  options.agent = config_.agent.empty() ? beside_this_program("mayfly-agent") : config_.agent;
  options.crun = config_.crun;
  options.lock_fd = folder_.helpers_lock();
  options.network.subnet = config_.subnet;
  options.network.allow = config_.allowed_networks;
  options.network.resolvers = config_.resolvers;
  options.probe = [this](const Incarnation& to) -> Status {
    TRY(agent_->status(to));
    return {};
  };
  driver_ = TRY(CrunDriver::open(options));
  measured_ = std::make_unique<MeasuredDriver>(*driver_);
  agent_ = std::make_unique<AgentClient>([this](const Incarnation& to) { return driver_->agent_socket(to); });
  ImageOptions images;
  images.data = folder_.path();
  images.debian_mirror = config_.debian_mirror;
  if (!config_.debian_keyring.empty()) images.debian_keyring = config_.debian_keyring;
  images.lock_fd = folder_.helpers_lock();
  images_ = TRY(ImageFolder::open(images));
  blobs_ = std::make_unique<FolderBlobStore>(folder_.path() + "/archives");
  return {};
}

/// Before `wire`, whose services hold these; what they hold themselves is made there.
Status Engine::wire_runtimes() {
  const auto secret = TRY(data_token_secret(*store_, random_));
  tokens_ = std::make_unique<DataTokens>(*store_, clock_, secret, os::hmac_sha256,
                                         std::chrono::seconds(config_.token_seconds));
  wire();
  return {};
}

void Engine::wire() {
  executor_ = std::make_unique<Executor>(8);
  waiting_ = std::make_unique<Waiting>([this](std::function<void()> look) { executor_->post(std::move(look)); });
  deletion_ = std::make_unique<Deletion>(installation_, random_);
  activity_ = std::make_unique<ActivityLog>(*store_, clock_, installation_);
  sandboxes_ = std::make_unique<Sandboxes>(*store_, *deletion_, *waiting_, random_, clock_, installation_);
  sandboxes_->before_create([this](bool cold) -> Status {
    TRY(check_disk());
    if (cold) executor_->post([this] { driver_->expect_start(); });
    return {};
  });
  pool_ = std::make_unique<Pool>(*store_, *measured_, *deletion_, locks_, random_, installation_, config_.pool);
  pool_->may_plant = [this] { return check_disk(); };
  pool_->taken = [this] { pool_bell_.ring_one(); };
  sandboxes_->claim_from(*pool_);
  const auto elsewhere = [this](std::function<void()> work) { executor_->post(std::move(work)); };
  standby_ = std::make_unique<Standby>(*store_, *measured_, *agent_, locks_, clock_, installation_);
  awake_agent_ = std::make_unique<AwakeAgent>(*agent_, *standby_, elsewhere);
  idempotency_ = std::make_unique<Idempotency>(*store_, random_, clock_,
                                               [](std::string_view bytes) { return os::sha256_hex(bytes); });
  execution_ = std::make_unique<Execution>(*sandboxes_, *awake_agent_, *activity_, *idempotency_, installation_);
  execution_->agent_missed = [this] { reconcile_bell_.ring_one(); };
  archiver_ = std::make_unique<Archiver>(*store_, *measured_, *blobs_, reader_, random_, installation_);
  catalog_ = std::make_unique<ImageCatalog>(*store_, *images_, *deletion_, random_, installation_);
  builds_ = std::make_unique<ImageBuilds>(*store_, *images_, *catalog_, random_);
  // A thread of its own for each row of builds: it holds one for minutes, and the executor's are for answers.
  builds_->post = [this](std::function<void()> work) {
    std::lock_guard guard(builder_mutex_);
    if (builder_.joinable()) builder_.join();
    builder_ = std::thread(std::move(work));
  };
  steps_ = std::make_unique<Steps>(*store_, *measured_, *blobs_, *archiver_, random_, installation_, *catalog_,
                                   *deletion_);
  transitions_ = std::make_unique<Transitions>(*store_, *measured_, *blobs_, random_, installation_);
  transitions_->started_with_caveats = [this](const Sandbox& sandbox, const Caveats& caveats) {
    // What the host never does was said when the server started.
    const auto standing = driver_->standing_caveats(sandbox.spec.resources);
    std::string special;
    for (const auto& caveat : caveats)
      if (std::find(standing.begin(), standing.end(), caveat) == standing.end())
        special += (special.empty() ? "" : "; ") + caveat;
    if (!special.empty())
      log::warning("a sandbox runs with limits that could not be enforced as asked",
                   {{"sandbox", sandbox.resource.id.text}, {"caveats", special}});
  };
  dispatcher_ = std::make_unique<Dispatcher>(config_.dispatch, random_);
  worker_ = std::make_unique<Worker>(*store_, *steps_, *transitions_, *dispatcher_, locks_, random_, clock_,
                                     installation_);
  worker_->claimed = [this](Lane lane) { bell(lane).ring_one(); };
  deadlines_ = std::make_unique<Deadlines>(*store_, *activity_, *deletion_, random_, clock_, installation_);
  reconciler_ = std::make_unique<Reconciler>(*store_, *measured_, *blobs_, *images_, *deletion_, locks_, random_,
                                             installation_);
  disk_watch_ = std::make_unique<DiskWatch>(*store_, *measured_, random_, installation_,
                                            [this](const ResourceId& id) { return standby_->asleep_since(id); });
  archives_ = std::make_unique<Archives>(*store_, *blobs_, reader_, *deletion_, random_, installation_);
  archives_->post = [this](std::function<void()> work) { executor_->post(std::move(work)); };
  path_restore_ = std::make_unique<PathRestore>(*archives_, *execution_);
  cleanups_ = std::make_unique<Cleanups>(*store_, *waiting_, random_, clock_);
  cleanup_control_ = std::make_unique<CleanupControl>(*store_, *dispatcher_, random_, clock_);
  stale_ = std::make_unique<StaleSweep>(*store_, *measured_, *activity_, *deletion_, clock_, installation_);
  access_ = std::make_unique<Access>(*store_, [](std::string_view secret) { return os::sha256_hex(secret); }, clock_);
  people_ = std::make_unique<People>(*store_, *access_, random_);
  keys_ = std::make_unique<Keys>(*store_, *access_, random_);
  workspaces_ = std::make_unique<Workspaces>(*store_, *access_, random_);
  databases_ = std::make_unique<SqliteFiles>(*measured_, crun::Layout{folder_.path(), installation_.instance});
  volumes_ = std::make_unique<Volumes>(*store_, *measured_, *blobs_, *deletion_, random_, installation_, *databases_);
  forest_ = std::make_unique<Forest>(*store_, random_);
  trash_ = std::make_unique<Trash>(*store_, *access_, *deletion_, random_, installation_);
  holds_ = std::make_unique<Holds>(*store_, random_);
  volumes_->before_create([this] { return check_disk(); });
  doctor_ = std::make_unique<Doctor>(*store_, *driver_, *blobs_, *images_, *archives_, *reconciler_, *deletion_,
                                     random_, clock_, installation_);
  doctor_->pause = [] { std::this_thread::sleep_for(between_looks); };
  explanations_ = std::make_unique<Explanations>(*store_, clock_, installation_);
  access_->limits.standard = config_.rate_limit;
  Runtimes::Settings runtimes{config_.runtime_limits, {}, std::chrono::seconds(config_.call_seconds),
                              config_.runtime_image};
  for (const auto lead : config_.warn_seconds) runtimes.warn.emplace_back(std::chrono::seconds(lead));
  runtimes_ = std::make_unique<Runtimes>(*store_, *sandboxes_, *deletion_, random_, clock_, installation_,
                                         [](std::string_view text) { return os::sha256_hex(text); }, runtimes);
  services_ = std::make_unique<api::Services>(api::Services{
      *sandboxes_, *execution_, *archives_, *cleanups_, *stale_, *catalog_, *access_, *idempotency_, *people_,
      *keys_, *workspaces_, *standby_, *volumes_, *builds_, *path_restore_, *doctor_, *explanations_,
      *lists_, *forest_, *trash_, *holds_, *runtimes_, *tokens_,
      *cleanup_control_,
      [this]() -> Status {
        if (ready_) return {};
        return fail(Code::unavailable, "still comparing the host with the database", "starting");
      },
      [this] { return metrics(); }, {}, [this](std::function<void()> work) { executor_->post(std::move(work)); }, {}});
#ifdef MAYFLY_TEST_BUILD
  services_->move_clock = [this](Duration by) -> Result<std::string> {
    clock_.move(by);
    // A life that ends by kill -9 right now must not take the hours back.
    TRY(save_clock(*store_, boot_id_, boottime(), clock_.now()));
    deadlines_->notice(clock_.now());
    alarm_.ring();
    fast_bell_.ring_all();
    slow_bell_.ring_all();
    sleep_bell_.ring_all();
    return format(clock_.now());
  };
#endif
  listen_to_commits();
}

void Engine::listen_to_commits() {
  store_->on_commit([this](const Wakes& wakes) {
    if (wakes.fast_work) fast_bell_.ring_one();
    if (wakes.slow_work) slow_bell_.ring_one();
    if (wakes.deadline && deadlines_->notice(*wakes.deadline)) alarm_.ring();
    if (wakes.settled.empty()) return;
    waiting_->settled(wakes.settled);
    standby_->notice(wakes.settled);
    if (!config_.pool.empty()) pool_bell_.ring_one();
  });
}

Status Engine::check_disk() const {
  const auto free = TRY(os::free_bytes(folder_.path()));
  const auto watermark = config_.disk_watermark_mb << 20;
  if (free >= watermark) return {};
  return fail(Code::no_space,
              "the disk of the data directory has " + std::to_string(free >> 20) +
                  " MiB left, less than the watermark of " + std::to_string(config_.disk_watermark_mb) +
                  " MiB: nothing new is created until something is deleted",
              "disk_low");
}

Status Engine::start() {
  if (!folder_.settle(std::chrono::milliseconds(2000))) {
    log::warning("helper processes of an earlier life still run: they are stopped now");
    TRY(driver_->settle_helpers(std::chrono::milliseconds(0)));
    if (!folder_.settle(std::chrono::milliseconds(5000)))
      return fail(Code::busy, "helper processes of an earlier life of this server do not end", "helpers_busy");
  }
  std::string never;
  for (const auto& caveat : driver_->standing_caveats(Resources())) never += (never.empty() ? "" : "; ") + caveat;
  if (!never.empty())
    log::warning("this host cannot enforce every limit; each sandbox's record says so", {{"caveats", never}});
  if (const auto set_aside = folder_.make_ballast(); !set_aside) log::warning(set_aside.error().message);
  TRY(catalog_->settle());
  TRY(builds_->fail_interrupted());
  // A full disk must not keep the server, and so its deletes, from starting.
  if (const auto ended = end_downtime(*store_, random_, installation_); !ended)
    log::error("the end of the downtime was not written", {{"error", ended.error().message}});
  threads_.emplace_back([this] { reconcile(); });
  for (int i = 0; i < config_.fast_workers; ++i) threads_.emplace_back([this] { work(Lane::fast); });
  for (int i = 0; i < config_.slow_workers; ++i) threads_.emplace_back([this] { work(Lane::slow); });
  threads_.emplace_back([this] { keep_time(); });
  threads_.emplace_back([this] { keep_house(); });
  TRY(standby_->learn());
  threads_.emplace_back([this] { keep_pool(); });
  threads_.emplace_back([this] { watch_sleepers(); });
  return {};
}

void Engine::end_waits() {
  execution_->streams().stop();
  waiting_->stop();
  agent_->end_waits();
}

void Engine::stop() {
  if (stopping_.exchange(true)) return;
  for (auto* bell : {&fast_bell_, &slow_bell_, &house_bell_, &reconcile_bell_, &pool_bell_, &sleep_bell_}) bell->stop();
  alarm_.ring();
  for (auto& thread : threads_) thread.join();
  if (!store_ || !executor_) return;
  archives_->stop_verifying();
  builds_->stop();
  if (builder_.joinable()) builder_.join();
  executor_->stop();
  agent_.reset();
  if (activity_) (void)activity_->flush();
  if (access_) (void)access_->flush(true);
  (void)save_clock(*store_, boot_id_, boottime(), clock_.now());
}

void Engine::work(Lane lane) {
  do {
    const auto next = worker_->run_once(lane);
    if (!next) log::error("the worker cannot go on", {{"error", next.error().message}});
    std::optional<Duration> in;
    if (!next) in = after_trouble;
    else if (*next) in = std::max(**next - clock_.now(), Duration(100));
    if (!bell(lane).wait(in)) return;
  } while (!stopping_);
}

void Engine::keep_time() {
  while (!stopping_) {
    const auto next = deadlines_->run_once();
    if (!next) log::error("deadlines cannot be read", {{"error", next.error().message}});
    std::optional<Duration> in;
    if (!next) in = after_trouble;
    else if (*next) in = **next == Time::max() ? std::nullopt : std::optional(**next - clock_.now());
    if (!stopping_) alarm_.wait(in);
  }
}

void Engine::keep_house() {
  for (int round = 0; house_bell_.wait(house_period); ++round) {
    (void)waiting_->run_once(clock_.now());
    if (const auto done = activity_->flush(); !done)
      log::error("uses were not written", {{"error", done.error().message}});
    if (const auto done = volumes_->run_once(); !done)
      log::error("volumes that could not be made were not given up", {{"error", done.error().message}});
    if (const auto done = trash_->run_once(); !done)
      log::error("workspaces in the trash were not seen to", {{"error", done.error().message}});
    if (const auto done = access_->flush(); !done)
      log::error("uses of keys were not written", {{"error", done.error().message}});
    if (round % clock_every == 0)
      if (const auto done = save_clock(*store_, boot_id_, boottime(), clock_.now()); !done)
        log::error("the clock was not written", {{"error", done.error().message}});
    if (round % ballast_every == 0 && check_disk()) (void)folder_.make_ballast();
    if (round % forget_every == 0)
      if (const auto done = idempotency_->purge_once(); !done)
        log::error("old idempotency keys were not forgotten", {{"error", done.error().message}});
    if (round % purge_every == 0) purge_cleanups();
    // What an archive or a wave of creates needed for a moment would else be kept for ever: some 40 MB.
    if (round % trim_every == 0) ::malloc_trim(0);
    if (round % collect_every == 0)
      if (const auto done = catalog_->collect(Caller::system("images", installation_.workspace), unnamed_grace, false);
          !done)
        log::error("images that nothing needs were not collected", {{"error", done.error().message}});
    if (round % disk_every == 0)
      if (const auto done = disk_watch_->run_once(); !done)
        log::error("layers were not looked at", {{"error", done.error().message}});
  }
}

/// As many as come in within the time until the next round, with pauses for others between the batches.
void Engine::purge_cleanups() {
  for (int batch = 0; batch < most_purges && !stopping_; ++batch) {
    const auto more = cleanup_control_->purge_once(std::chrono::hours(24) * config_.keep_completed_days);
    if (!more) log::error("completed cleanup tasks were not purged", {{"error", more.error().message}});
    if (!more || !*more) return;
    std::this_thread::sleep_for(between_purges);
  }
}

void Engine::keep_pool() {
  do {
    if (const auto done = pool_->run_once(); !done)
      log::error("the pool was not filled", {{"error", done.error().message}});
    if (!pool_bell_.wait(pool_period)) return;
    std::this_thread::sleep_for(pool_pause);
  } while (!stopping_);
}

void Engine::watch_sleepers() {
  while (sleep_bell_.wait(house_period))
    if (const auto done = standby_->run_once(); !done)
      log::warning("quiet sandboxes were not all put to sleep", {{"error", done.error().message}});
}

void Engine::reconcile() {
  do {
    const auto found = reconciler_->run_once();
    if (!found) log::error("host and database were not compared", {{"error", found.error().message}});
    else {
      for (const auto& finding : found->findings)
        log::warning(finding.text, {{"trouble", std::string(reconcile::name(finding.trouble))}});
      for (const auto& finding : found->archives)
        log::warning(finding.text, {{"trouble", std::string(reconcile::name(finding.trouble))}});
      doctor_->notice(*found);
      if (found->suspicious)
        log::error("so much on this host is unknown to the database that the database is more likely wrong: nothing "
                   "unknown is touched; see mayfly doctor");
    }
    ready_ = true;
  } while (reconcile_bell_.wait(std::chrono::seconds(config_.reconcile_seconds)));
}

}  // namespace mayfly
