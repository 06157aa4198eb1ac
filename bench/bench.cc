#include "bench/bench.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "base/clock.h"
#include "base/limits.h"
#include "bench/calm_figure.h"
#include "bench/charts.h"
#include "bench/crowd_load.h"
#include "bench/graph_world.h"
#include "bench/pace.h"
#include "bench/report.h"
#include "bench/scenario.h"
#include "bench/server_process.h"
#include "bench/timeline.h"

namespace stampede::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kPagesAsked = 10'000;  // a second; at half of them p99 is to be under 10 ms
constexpr const char* kDeliveries = "feed_deliveries_total";
constexpr double kShown[] = {1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9};

void Step(const std::string& what) { std::fprintf(stderr, "· %s\n", what.c_str()); }

double Ms(uint64_t us) { return static_cast<double>(us) / 1000; }

template <class... Values>
std::string Text(const char* format, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string Percentiles(const Histogram& us) {
  return Text("p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms", Ms(us.Percentile(50)),
              Ms(us.Percentile(99)), Ms(us.Percentile(99.9)));
}

// Of every other phase, from `first` on, p99 on its own; the middle one of these.
double MiddleP99Ms(const std::vector<Histogram>& phases_us, size_t first) {
  std::vector<uint64_t> p99_us;
  for (size_t i = first; i < phases_us.size(); i += 2)
    p99_us.push_back(phases_us[i].Percentile(99));
  if (p99_us.empty()) return 0;
  std::ranges::sort(p99_us);
  return Ms(p99_us[p99_us.size() / 2]);
}

// What both sides and everybody else used of the processors, from construction on.
class CpuMeter {
 public:
  explicit CpuMeter(const ServerProcess& server) : server_(server), before_(Now()) {}
  std::string Note(uint64_t requests) const {
    Sample now = Now();
    double wall_s = now.wall_s - before_.wall_s, server_s = now.server_s - before_.server_s;
    double own_s = now.own_s - before_.own_s;
    double others_s = std::max(0.0, now.all_s - before_.all_s - server_s - own_s);
    double each = 1e6 / std::max<double>(1, static_cast<double>(requests));
    return Text(
        "CPUs used: server %.2f, generator %.2f, others %.2f of %ld; per request: server "
        "%.0f µs, generator %.0f µs",
        server_s / wall_s, own_s / wall_s, others_s / wall_s, sysconf(_SC_NPROCESSORS_ONLN),
        server_s * each, own_s * each);
  }

 private:
  struct Sample {
    double wall_s, server_s, own_s, all_s;
  };
  Sample Now() const {
    SystemClock clock;
    return {static_cast<double>(clock.MonotonicUs()) / 1e6, server_.cpu_s(),
            static_cast<double>(std::clock()) / CLOCKS_PER_SEC, MachineCpuSeconds()};
  }
  const ServerProcess& server_;
  Sample before_;
};

// One load and what it came to.
struct Outcome {
  LoadResult load;
  double deliveries = 0;
  double seconds = 0;  // until the last delivery
  std::string cpu;
  double posts = 0;
  double deliveries_per_s() const { return deliveries / seconds; }
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : options_(options) {}
  void Run();
  const Report& report() const { return report_; }
  void DrawCharts() const;

 private:
  std::vector<std::string> ServerSettings() const;
  void Warm();
  void Fill();
  void MeasureBaseline();
  void MeasureIdleMachine();
  void RunMix(const Mix& mix);
  void RunOpen(const Mix& mix, double rate, Figure row);
  void Undo(const CrowdLoad& done);
  void RunRamp();
  void RunAnnouncements();
  void VerifyEverything();
  Outcome RunLoadOf(CrowdLoad& source, double rate_per_s, double seconds, bool exact);
  double WaitForDeliveries(double wanted);
  CrowdOptions OptionsOf(const Mix& mix, double seconds);
  void AddMixFigures(const Mix& mix, const Outcome& outcome, const CrowdLoad& source);
  void AddVisibleFigures(const CrowdLoad& source, const std::string& key);
  std::string PathOf(const std::string& name) const { return options_.out + "/" + name; }

  const BenchOptions options_;
  SystemClock clock_;
  Report report_;
  std::unique_ptr<GraphWorld> world_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<ReaderOrder> readers_;
  std::unique_ptr<ExpectedTimelines> expected_;
  uint64_t begin_ = 0;  // ids of what is posted from now on are higher
  uint64_t loads_ = 0;
  double posts_per_s_ = 0;  // the most that was seen
  Chart ramp_chart_, visible_chart_, memory_chart_;
};

void Bench::Run() {
  report_.title = options_.section == "small" ? "A small graph" : "At scale";
  report_.machine = DescribeMachine();
  report_.command = options_.command;
  Step("the graph");
  GraphWorldOptions world{.graph = {.seed = options_.seed,
                                    .accounts = options_.accounts,
                                    .follows = options_.follows,
                                    .largest_share = options_.largest_share,
                                    .fan_out = options_.fan_out}};
  world.posts = options_.posts != 0 ? options_.posts : std::min(options_.accounts, 1'000'000u);
  int64_t begin_us = clock_.MonotonicUs();
  world_ = GraphWorld::OpenOrLoad(options_.data, world, clock_);
  const Graph& graph = world_->graph();
  Step(Text("ready in %.0f s", static_cast<double>(clock_.MonotonicUs() - begin_us) / 1e6));
  report_.Add({.key = "accounts",
               .text = "Accounts",
               .value = static_cast<double>(graph.accounts()),
               .note = Text("each follows %u, %.1f million follows; the largest is followed by "
                            "%.1f %%, by a power law with the exponent %.2f; one celebrity by all",
                            graph.follows_each(), static_cast<double>(graph.edges()) / 1e6,
                            100.0 * graph.followers(0) / graph.accounts(), graph.exponent())});
  report_.Add({.key = "fan_out",
               .text = "Followers of a post's author",
               .value = graph.mean_fan_out(),
               .note = Text("mean over posts; authors drawn by followers^%.2f", graph.beta())});
  server_ = std::make_unique<ServerProcess>(options_.server, options_.data,
                                            options_.data + "/server.log", ServerSettings());
  server_->WaitUntilCalm();
  begin_ = StatusId::Make(clock_.NowMs(), Partition{}, 0).value();
  expected_ = std::make_unique<ExpectedTimelines>(*world_);
  readers_ = std::make_unique<ReaderOrder>(
      graph.accounts(), std::max(1u, static_cast<uint32_t>(options_.warm * graph.accounts())));
  Warm();
  if (options_.fill) Fill();
  MeasureBaseline();
  for (const std::string& mix : options_.mixes) RunMix(FindMix(mix));
  if (!options_.ramp.empty()) RunRamp();
  if (options_.announcement) RunAnnouncements();
  VerifyEverything();
  report_.Add({.key = "rss_peak_mb",
               .text = "Memory of the server, at most",
               .value = server_->peak_rss_mb(),
               .unit = "MB"});
  server_->Stop();
}

// Caches as large as the machine allows a server that runs alone; then what the caller asked for.
std::vector<std::string> Bench::ServerSettings() const {
  auto memory_mb = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) / 256;
  std::vector<std::string> settings;
  for (const std::string& setting : options_.settings) {
    std::string name = setting.substr(0, setting.find('='));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    settings.push_back("STAMPEDE_" + name + setting.substr(setting.find('=')));
  }
  settings.push_back("STAMPEDE_FEEDS_MB=" + std::to_string(memory_mb / 3));
  settings.push_back("STAMPEDE_BLOCK_CACHE_MB=" + std::to_string(memory_mb / 16));
  settings.push_back("STAMPEDE_WRITE_BUFFER_MB=" + std::to_string(memory_mb / 192));
  settings.push_back("STAMPEDE_RECORD_CACHE_MB=" + std::to_string(memory_mb / 4));
  return settings;
}

void Bench::Warm() {
  constexpr uint32_t kSteps = 20;
  uint32_t active = readers_->active();
  Step(Text("reading the homes of %u readers once", active));
  double rss_before_mb = server_->rss_mb();
  memory_chart_ = {.title = "Memory against active readers",
                   .x_label = "active readers, thousands",
                   .y_label = "MB",
                   .lines = {{.name = "resident, above that at the start"},
                             {.name = "feeds and watch lists, by their own count"}}};
  uint64_t right = 0;
  double seconds = 0;
  Histogram latency_us;
  CpuMeter cpu(*server_);
  for (uint32_t step = 0; step < kSteps; ++step) {
    auto at = [&](uint32_t n) { return static_cast<uint32_t>(uint64_t{active} * n / kSteps); };
    WarmSource source(*world_, *readers_, at(step), at(step + 1));
    LoadResult result = RunLoad(source, {.port = server_->port(), .connections = 16});
    if (!result.clean() && at(step) != at(step + 1)) {
      throw std::runtime_error("homes cannot be read");
    }
    right += result.right;
    seconds += result.seconds;
    latency_us.Add(result.latency_us);
    double thousands = at(step + 1) / 1000.0;
    memory_chart_.lines[0].points.emplace_back(thousands, server_->rss_mb() - rss_before_mb);
    memory_chart_.lines[1].points.emplace_back(thousands, server_->Metric("feed_bytes") / 1e6);
  }
  double feeds = server_->Metric("feed_resident");
  if (feeds < active) {
    throw std::runtime_error(Text("only %.0f of %u feeds are resident", feeds, active));
  }
  report_.Add({.key = "active_readers",
               .text = "Active readers",
               .value = feeds,
               .note = "whose feeds are in memory, by the server's metrics, so that each delivery "
                       "counted is a stored entry"});
  report_.Add({.key = "rebuilds_per_s",
               .text = "Feeds rebuilt from the store",
               .value = static_cast<double>(right) / seconds,
               .unit = "/s",
               .note = Text("%u follows each, 16 readers at a time, a page of 1 included; %s; %s",
                            world_->graph().follows_each(), Percentiles(latency_us).c_str(),
                            cpu.Note(right).c_str())});
  // Caches of the store fill in the first half; what grows in the second are readers.
  const auto& curve = memory_chart_.lines[0].points;
  auto [half_thousands, half_mb] = curve[kSteps / 2 - 1];
  auto [all_thousands, all_mb] = curve.back();
  report_.Add(
      {.key = "reader_bytes",
       .text = "Memory per active reader",
       .value = server_->Metric("feed_bytes") / feeds,
       .unit = "B",
       .floor = "< 4,096 B",
       .note = Text("feed and watch lists as the server counts them, 4 B a follow included; "
                    "resident memory grew by %.0f B a reader over the second half, with "
                    "what caches of the store took then",
                    (all_mb - half_mb) * 1048.576 / (all_thousands - half_thousands))});
}

// Posts until feeds are as long as they get, which on a server with this load they are after some
// minutes: from then on a delivery takes no new memory.
void Bench::Fill() {
  const double wanted = static_cast<double>(limits::kFeedEntriesMax) * readers_->active();
  Step("posting until the feeds are full");
  double delivered = 0, seconds = 0;
  while (delivered < wanted) {
    constexpr double kSliceSeconds = 5;
    CrowdLoad source(*world_, *readers_, *expected_, begin_,
                     OptionsOf(FindMix("post"), kSliceSeconds), clock_);
    Outcome outcome = RunLoadOf(source, 0, kSliceSeconds, true);
    if (outcome.deliveries == 0) throw std::runtime_error("nothing is delivered");
    delivered += outcome.deliveries;
    seconds += outcome.seconds;
  }
  report_.Add({.key = "full_reader_bytes",
               .text = "Memory per active reader, feeds full",
               .value = server_->Metric("feed_bytes") / readers_->active(),
               .unit = "B",
               .note = Text("as above, after %.0f s of posts to everybody's feed: %.0f entries for "
                            "each reader, of which a feed keeps the newest %zu",
                            seconds, delivered / readers_->active(), limits::kFeedEntriesMax)});
}

// The machine with nothing to do, and with requests that do nothing, at half of the most there is of
// them: what is slow then is the machine.
void Bench::MeasureBaseline() {
  MeasureIdleMachine();
  constexpr int64_t kMostUs = 3'000'000, kHalfUs = 10'000'000;
  Step("baseline: requests that do nothing");
  RepeatSource source(FormatRequest("GET", "/health", {}));
  LoadResult most = RunLoad(
      source,
      {.port = server_->port(), .connections = options_.connections, .duration_us = kMostUs});
  LoadResult half = RunLoad(source, {.port = server_->port(),
                                     .connections = 4 * options_.connections,
                                     .rate_per_s = most.per_second() / 2,
                                     .duration_us = kHalfUs,
                                     .watch_pace = true,
                                     .server_cpu_s = [&] { return server_->cpu_s(); }});
  if (!most.clean() || !half.clean()) throw std::runtime_error("/health fails");
  report_.Add({.key = "health_half_p99_ms",
               .text = "Baseline: GET /health, p99 at half of the most",
               .value = Ms(half.latency_us.Percentile(99)),
               .unit = "ms",
               .note = Text("open loop, %.0f/s, from when it was due; %s", half.per_second(),
                            Percentiles(half.latency_us).c_str())});
  AddCalmFigures(report_, "health_half", half);
}

void Bench::MeasureIdleMachine() {
  constexpr int64_t kWatchedMs = 10'000;
  Step("baseline: the idle machine");
  server_->WaitUntilCalm();
  Pace pace;
  ::poll(nullptr, 0, kWatchedMs);
  const SlowTimes slow = pace.Stop();
  report_.Add(
      {.key = "idle_slow_percent",
       .text = "Baseline: time in which the idle machine is slow",
       .value = 100 * slow.share(),
       .unit = "%",
       .note = Text("of %lld s, at less than half of its speed, for up to %.0f ms at once; the "
                    "server had nothing to do",
                    static_cast<long long>(kWatchedMs / 1000),
                    Ms(static_cast<uint64_t>(slow.longest_us())))});
}

CrowdOptions Bench::OptionsOf(const Mix& mix, double seconds) {
  CrowdOptions options{.mix = mix, .duration_us = static_cast<int64_t>(seconds * 1e6)};
  options.seed = options_.seed + 1'000 * ++loads_;
  return options;
}

// `exact`: nobody's follows change meanwhile, so the number of deliveries is known.
Outcome Bench::RunLoadOf(CrowdLoad& source, double rate_per_s, double seconds, bool exact) {
  double before = server_->Metric(kDeliveries);
  auto expected_before = static_cast<double>(expected_->deliveries());
  auto entries_before = static_cast<double>(expected_->entries());
  CpuMeter cpu(*server_);
  int64_t begin_us = clock_.MonotonicUs();
  Outcome outcome;
  outcome.load = RunLoad(source, {.port = server_->port(),
                                  .connections = options_.connections * (rate_per_s > 0 ? 4 : 1),
                                  .rate_per_s = rate_per_s,
                                  .duration_us = static_cast<int64_t>(seconds * 1e6),
                                  .seed = loads_,
                                  .watch_pace = rate_per_s > 0,
                                  .server_cpu_s = [&] { return server_->cpu_s(); }});
  outcome.cpu = cpu.Note(outcome.load.right);
  if (!outcome.load.clean() || !source.Failure().empty()) {
    throw std::runtime_error(Text("%llu right, %llu wrong, %llu without a reply; ",
                                  static_cast<unsigned long long>(outcome.load.right),
                                  static_cast<unsigned long long>(outcome.load.wrong),
                                  static_cast<unsigned long long>(outcome.load.broken)) +
                             source.Failure());
  }
  double wanted = static_cast<double>(expected_->deliveries()) - expected_before;
  exact = exact && readers_->active() == world_->graph().accounts();
  outcome.deliveries = WaitForDeliveries(exact ? before + wanted : 0) - before;
  if (exact && outcome.deliveries != wanted) {
    throw std::runtime_error(Text("delivered %.0f instead of %.0f", outcome.deliveries, wanted));
  }
  outcome.posts = static_cast<double>(expected_->entries()) - entries_before;
  outcome.seconds = static_cast<double>(clock_.MonotonicUs() - begin_us) / 1e6;
  return outcome;
}

// Returns how many there are once there are as many as wanted, or no more come.
double Bench::WaitForDeliveries(double wanted) {
  constexpr int kQuiet = 100;
  double last = server_->Metric(kDeliveries);
  for (int quiet = 0; quiet < (wanted > 0 ? 10 * kQuiet : 2); ++quiet) {
    if (wanted > 0 && last >= wanted) return last;
    ::poll(nullptr, 0, 20);
    double now = server_->Metric(kDeliveries);
    if (now != last) quiet = 0;
    last = now;
  }
  return last;
}

void Bench::RunMix(const Mix& mix) {
  double posts = mix.share(Act::kPost);
  double rate = posts > 0 ? options_.posts_per_s / posts : options_.reads_per_s;
  Step("load: " + mix.name + (rate > 0 ? Text(", %.0f requests/s", rate) : ", closed loop"));
  CrowdLoad source(*world_, *readers_, *expected_, begin_, OptionsOf(mix, options_.seconds),
                   clock_);
  bool changes_graph = mix.share(Act::kFollow) > 0;
  if (changes_graph) GraphWorld::MarkChanged(options_.data);
  Outcome outcome = RunLoadOf(source, rate, options_.seconds, !changes_graph);
  if (changes_graph) Undo(source);
  if (mix.name == "post") posts_per_s_ = outcome.load.per_second();
  AddMixFigures(mix, outcome, source);
  if (rate > 0 || posts_per_s_ == 0 || mix.name == "realistic") return;
  // Latency is a matter of the load.
  const double half = outcome.load.per_second() / 2;
  RunOpen(mix, half, {.key = "_half", .text = "– p99 at half of it"});
  if (mix.name == "read" && half > kPagesAsked / 2) {
    RunOpen(
        mix, kPagesAsked / 2,
        {.key = "_half_of_asked", .text = "– p99 at half of what is asked", .floor = "< 10 ms"});
  }
}

// An open loop, without what the load before it left to do, which is compactions. `row`: what the p99
// is called, its key behind the name of the mix.
void Bench::RunOpen(const Mix& mix, double rate, Figure row) {
  server_->WaitUntilCalm();
  Step(Text("load: %s, %.0f requests/s", mix.name.c_str(), rate));
  CrowdLoad source(*world_, *readers_, *expected_, begin_, OptionsOf(mix, options_.seconds),
                   clock_);
  const LoadResult load = RunLoadOf(source, rate, options_.seconds, true).load;
  const std::string key = mix.name + row.key;
  row.key = key + "_p99_ms";
  row.value = Ms(load.latency_us.Percentile(99));
  row.unit = "ms";
  row.note = Text("open loop, %.0f/s, from when it was due; %s", load.per_second(),
                  Percentiles(load.latency_us).c_str());
  report_.Add(row);
  AddCalmFigures(report_, key, load);
  if (mix.share(Act::kPost) > 0) AddVisibleFigures(source, key);
}

// Afterwards the graph in the store is that of the world again.
void Bench::Undo(const CrowdLoad& done) {
  UndoSource source(*world_, done.new_follows());
  bool clean = RunLoad(source, {.port = server_->port(), .connections = 16}).clean();
  if (!clean && !done.new_follows().empty()) throw std::runtime_error("follows cannot be undone");
  world_->MarkLoaded(options_.data);
}

void Bench::AddMixFigures(const Mix& mix, const Outcome& outcome, const CrowdLoad& source) {
  const LoadResult& load = outcome.load;
  bool open = mix.share(Act::kPost) > 0 ? options_.posts_per_s > 0 : options_.reads_per_s > 0;
  report_.Add({.key = mix.name + "_per_s",
               .text = mix.name == "post"   ? "Durable posts"
                       : mix.name == "read" ? "Home pages of 20 statuses"
                                            : "Requests of the realistic mix",
               .value = load.per_second(),
               .unit = "/s",
               .floor = mix.name == "post"   ? "≥ 7,000"
                        : mix.name == "read" ? "≥ 10,000"
                                             : "",
               .note = Text("%s for %.0f s; %s; %s; %llu homes compared meanwhile",
                            open ? "open loop" : "closed loop", load.seconds,
                            Percentiles(load.latency_us).c_str(), outcome.cpu.c_str(),
                            static_cast<unsigned long long>(source.pages_checked()))});
  if (source.page_bytes() > 0) {
    report_.Add({.key = mix.name + "_page_bytes",
                 .text = "– bytes of a home page",
                 .value = source.page_bytes(),
                 .unit = "B"});
  }
  for (size_t i = 0; mix.name == "realistic" && i < kActs; ++i) {
    const Histogram& us = source.latency_us(static_cast<Act>(i));
    report_.Add({.key = "realistic_" + std::to_string(i) + "_per_s",
                 .text = "– " + std::string(NameOf(static_cast<Act>(i))),
                 .value = static_cast<double>(us.count()) / load.seconds,
                 .unit = "/s",
                 .note = Percentiles(us)});
  }
  if (outcome.posts == 0) return;
  report_.Add({.key = mix.name + "_deliveries_per_s",
               .text = "– deliveries into feeds",
               .value = outcome.deliveries_per_s(),
               .unit = "/s",
               .floor = mix.name == "post" ? "≥ 4,900,000" : "",
               .note = Text("%.0f in %.1f s, to the last one; %.0f a post%s", outcome.deliveries,
                            outcome.seconds, outcome.deliveries / outcome.posts,
                            mix.share(Act::kFollow) == 0 ? "; counted exactly" : "")});
  AddVisibleFigures(source, mix.name);
}

void Bench::AddVisibleFigures(const CrowdLoad& source, const std::string& key) {
  visible_chart_ = {.title = "From acknowledged to visible in a follower's home",
                    .x_label = "percentile",
                    .y_label = "ms",
                    .log_y = true};
  for (size_t i = 0; i < kAuthorSizes; ++i) {
    auto size = static_cast<AuthorSize>(i);
    const Histogram& us = source.visible_us(size);
    if (us.count() == 0) continue;
    report_.Add(
        {.key = key + "_visible_" + std::to_string(i) + "_p99_ms",
         .text = "– visible p99, " + std::string(NameOf(size)),
         .value = Ms(us.Percentile(99)),
         .unit = "ms",
         .floor = size == AuthorSize::kSmall ? "< 100 ms" : "",
         .note = Text("from acknowledged to a page that shows it; %llu sampled; %s",
                      static_cast<unsigned long long>(us.count()), Percentiles(us).c_str())});
    Series& series = visible_chart_.lines.emplace_back();
    series.name = NameOf(size);
    for (double percent : kShown) series.points.emplace_back(percent, Ms(us.Percentile(percent)));
  }
}

void Bench::RunRamp() {
  ramp_chart_ = {
      .title = Text("Posts at an average fan-out of %.0f", world_->graph().mean_fan_out()),
      .x_label = "durable posts/s",
      .y_label = "ms",
      .log_y = true,
      .lines = {{.name = "acknowledged p50"},
                {.name = "acknowledged p99"},
                {.name = "visible p50"},
                {.name = "visible p99"}},
      .second_label = "million deliveries/s",
      .second_lines = {{.name = "deliveries"}}};
  for (double rate : options_.ramp) {
    Step(Text("ramp: %.0f posts/s", rate));
    CrowdLoad source(*world_, *readers_, *expected_, begin_,
                     OptionsOf(FindMix("post"), options_.ramp_seconds), clock_);
    Outcome outcome = RunLoadOf(source, rate, options_.ramp_seconds, true);
    const LoadResult& load = outcome.load;
    Histogram visible_us = source.visible_us();
    double reached = load.per_second();
    report_.Add({.key = Text("ramp_%.0f_deliveries_per_s", rate),
                 .text = Text("Ramp: %.0f posts/s offered", rate),
                 .value = outcome.deliveries_per_s(),
                 .unit = "deliveries/s",
                 .note = Text("%.0f posts/s; acknowledged %s; visible %s; %s", reached,
                              Percentiles(load.latency_us).c_str(), Percentiles(visible_us).c_str(),
                              outcome.cpu.c_str())});
    for (auto [line, us] : {std::pair{0, load.latency_us.Percentile(50)},
                            {1, load.latency_us.Percentile(99)},
                            {2, visible_us.Percentile(50)},
                            {3, visible_us.Percentile(99)}}) {
      ramp_chart_.lines[static_cast<size_t>(line)].points.emplace_back(reached, Ms(us));
    }
    ramp_chart_.second_lines[0].points.emplace_back(reached, outcome.deliveries_per_s() / 1e6);
    if (reached < 0.9 * rate) break;  // more is not to be had
  }
}

// Posts to everybody, while others post at an even rate. Those who are asked were warmed first, last
// and in between: lists of watchers are in that order.
void Bench::RunAnnouncements() {
  constexpr uint32_t kAsked = 16;
  const double seconds = std::max(10.0, options_.seconds);
  double rate = options_.posts_per_s > 0 ? options_.posts_per_s / 2
                : posts_per_s_ > 0       ? posts_per_s_ / 2
                                         : 500;
  Step(Text("posts to everybody, among %.0f posts/s", rate));
  CrowdOptions options = OptionsOf(FindMix("post"), seconds);
  options.probes_per_s = 60;
  options.announcer = world_->graph().celebrity();
  for (uint32_t i = 0; i < kAsked; ++i) {
    auto n = static_cast<uint32_t>(uint64_t{readers_->active() - 1} * i / (kAsked - 1));
    options.announced_to.push_back(readers_->at(n));
  }
  CrowdLoad source(*world_, *readers_, *expected_, begin_, options, clock_);
  RunLoadOf(source, rate, seconds, true);
  std::vector<int64_t> last_us;
  for (const std::vector<int64_t>& visible_us : source.announcements_us()) {
    if (visible_us.size() != kAsked)
      throw std::runtime_error("a post to everybody did not reach those who were asked");
    last_us.push_back(visible_us.back());
  }
  if (last_us.empty()) throw std::runtime_error("there was no post to everybody");
  std::ranges::sort(last_us);
  report_.Add(
      {.key = "announcement_all_ms",
       .text = "Posts to all active readers: visible to the last",
       .value = static_cast<double>(last_us.back()) / 1000,
       .unit = "ms",
       .floor = "< 2,000 ms",
       .note = Text("the slowest of %zu, the middle one %.0f ms; %u feeds; %u readers asked "
                    "every 20 ms, first and last of the list included",
                    last_us.size(), static_cast<double>(last_us[last_us.size() / 2]) / 1000,
                    readers_->active(), kAsked)});
  const double during_ms = MiddleP99Ms(source.latency_in_us(), 1);
  const double between_ms = MiddleP99Ms(source.latency_in_us(), 0);
  report_.Add(
      {.key = "announcement_p99_ratio",
       .text = "– p99 of others in the second after, against between",
       .value = during_ms / std::max(0.001, between_ms),
       .unit = "×",
       .floor = "< 2 ×",
       .note = Text("each second on its own, the middle ones; acknowledged: %.1f ms, between "
                    "%.1f ms; visible: %.1f ms, between %.1f ms; at %.0f posts/s",
                    during_ms, between_ms, MiddleP99Ms(source.visible_in_us(), 1),
                    MiddleP99Ms(source.visible_in_us(), 0), rate)});
}

// What sampled readers see, however much was posted since, is what they must see.
void Bench::VerifyEverything() {
  Step(Text("comparing %u homes", options_.homes_checked));
  SplitMix random(options_.seed);
  for (uint32_t i = 0; i < options_.homes_checked; ++i) {
    auto n = static_cast<uint32_t>(random() % readers_->active());
    VerifyHome(*world_, *expected_, server_->port(), readers_->at(n));
  }
  report_.Add({.key = "homes_verified",
               .text = "Homes compared afterwards",
               .value = static_cast<double>(options_.homes_checked),
               .note = "the newest 400 entries of each are those that the graph and the "
                       "acknowledged posts say, in order"});
}

void Bench::DrawCharts() const {
  bool drawn = true;
  auto draw = [&](const Chart& chart, const std::string& name) {
    if (!chart.lines.empty()) drawn = DrawChart(chart, PathOf(name)) && drawn;
  };
  draw(ramp_chart_, "ramp.png");
  draw(visible_chart_, "visible.png");
  draw(memory_chart_, "memory.png");
  if (!drawn) Step("no charts: gnuplot is not installed (Debian: gnuplot-nox)");
}

}  // namespace

int RunBench(const BenchOptions& options) {
  try {
    Bench bench(options);
    bench.Run();
    const Report& report = bench.report();
    std::fputs(ToText(report).c_str(), stdout);
    if (!options.out.empty()) {
      fs::create_directories(options.out);
      std::ofstream(options.out + "/bench.json") << ToJson(report);
      bench.DrawCharts();
    }
    if (!options.markdown.empty()) {
      ReplaceSection(options.markdown, options.section, ToMarkdown(report));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "no results: %s (the server's log: %s/server.log)\n", error.what(),
                 options.data.c_str());
    return 1;
  }
  return 0;
}

}  // namespace stampede::bench
