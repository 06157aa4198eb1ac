#include "features/media/pictures.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system_error>

#include "base/error.h"
#include "base/limits.h"
#include "features/media/child.h"
#include "obs/log.h"

namespace stampede::media {
namespace {

constexpr size_t kOutputBytesMax = 16 * 1024 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void Set(int fd) { fd_ = fd; }
  int get() const { return fd_; }

 private:
  int fd_;
};

void Require(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

// A file in RAM that holds `bytes`, read from the start. No pipe: a child that dies early would
// raise SIGPIPE here.
void FillInput(Descriptor& input, std::string_view bytes) {
  input.Set(memfd_create("picture", MFD_CLOEXEC));
  Require(input.get() >= 0, "memfd_create");
  while (!bytes.empty()) {
    ssize_t count = write(input.get(), bytes.data(), bytes.size());
    Require(count > 0, "write to a memfd");
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  Require(lseek(input.get(), 0, SEEK_SET) == 0, "lseek");
}

pid_t Spawn(std::vector<std::string> arguments, int input, int output) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/bin:/bin";
  char* environment[] = {path, nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  // Nothing else of ours: no socket, no database.
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  pid_t pid = -1;
  int error = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environment);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), "posix_spawn");
  return pid;
}

// Reads to the end of file. False when the time is over or there is too much.
bool ReadAll(int fd, Clock& clock, int64_t deadline_us, std::string& output) {
  char buffer[64 * 1024];
  for (;;) {
    int64_t left_ms = (deadline_us - clock.MonotonicUs()) / 1000;
    if (left_ms <= 0) return false;
    pollfd wait = {fd, POLLIN, 0};
    int ready = poll(&wait, 1, static_cast<int>(left_ms));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) return true;
    output.append(buffer, static_cast<size_t>(count));
    if (output.size() > kOutputBytesMax) return false;
  }
}

Error Refusal(PictureKind kind, std::string_view problem) {
  std::string label(WordFor(kind));
  label[0] = static_cast<char>(label[0] - 'a' + 'A');
  return Error::Invalid(label + " " + std::string(problem))
      .WithField({std::string(WordFor(kind)), "ERR_INVALID", std::string(problem)});
}

}  // namespace

// The right to run one child; waits for it, but not for ever.
class PictureMaker::Slot {
 public:
  explicit Slot(PictureMaker& maker) : maker_(maker) {
    MutexLock lock(maker_.mutex_);
    while (maker_.running_ >= maker_.options_.children_max) {
      if (!maker_.free_.WaitFor(maker_.mutex_, limits::kRequestDeadlineMs * 1000LL)) {
        throw Error(ErrorCode::kUnavailable, "Too many pictures at a time, try again later")
            .WithRetryAfter(10);
      }
    }
    ++maker_.running_;
  }
  ~Slot() {
    MutexLock lock(maker_.mutex_);
    --maker_.running_;
    maker_.free_.NotifyOne();
  }

 private:
  PictureMaker& maker_;
};

PictureMaker::PictureMaker(PictureOptions options, Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

Blob PictureMaker::Make(PictureKind kind, std::string_view upload) {
  if (upload.size() > limits::kAvatarBytesMax) throw Refusal(kind, "must be less than 8 MB");
  if (!IsKnownImage(upload)) throw Refusal(kind, "must be a JPEG, PNG, GIF or WebP picture");
  Outcome outcome = RunChildProcess(kind, upload);
  switch (static_cast<ChildExit>(outcome.exit_code)) {
    case ChildExit::kDone:
      if (outcome.output.size() < 2) break;
      return {outcome.output.substr(1), outcome.output[0] == 'P' ? "image/png" : "image/jpeg"};
    case ChildExit::kTooLarge:
      throw Refusal(kind, "has too many pixels");
    case ChildExit::kNoLibrary:
      throw Error(ErrorCode::kUnavailable, "This server cannot process pictures",
                  "libvips.so.42 cannot be loaded: install libvips42");
    case ChildExit::kUnreadable:
    case ChildExit::kFailed:
      break;
  }
  obs::Log(obs::LogLevel::kInfo, "picture refused",
           {{"kind", WordFor(kind)}, {"bytes", upload.size()}, {"exit", outcome.exit_code}});
  throw Refusal(kind, "could not be read as a picture");
}

PictureMaker::Outcome PictureMaker::RunChildProcess(PictureKind kind, std::string_view upload) {
  Slot slot(*this);
  Descriptor input, output_read, output_write;
  FillInput(input, upload);
  int pipe_ends[2];
  Require(pipe2(pipe_ends, O_CLOEXEC) == 0, "pipe2");
  output_read.Set(pipe_ends[0]);
  output_write.Set(pipe_ends[1]);

  std::vector<std::string> arguments = options_.child;
  arguments.emplace_back(WordFor(kind));
  pid_t pid = Spawn(std::move(arguments), input.get(), output_write.get());
  output_write.Close();

  Outcome outcome;
  int64_t deadline_us = clock_.MonotonicUs() + options_.timeout_ms * 1000;
  if (!ReadAll(output_read.get(), clock_, deadline_us, outcome.output)) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

}  // namespace stampede::media
