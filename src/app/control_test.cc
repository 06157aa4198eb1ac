#include "app/control.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "base/error.h"
#include "base/signal.h"
#include "store/test_support.h"

namespace stampede::app {
namespace {

class Control : public ::testing::Test {
 protected:
  Control() {
    server.Add("hello", [] { return ControlReply{.text = "there"}; });
    server.Add("fail", []() -> ControlReply { throw std::runtime_error("two\nlines"); });
    server.Add("hold", [this] {
      return ControlReply{.held = std::shared_ptr<void>(this, [this](void*) { released.Set(); })};
    });
  }

  // What comes back until the server closes the connection.
  std::string Exchange(const std::string& request) {
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{.sun_family = AF_UNIX};
    std::strcpy(address.sun_path, path.c_str());
    EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(send(client, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    shutdown(client, SHUT_WR);
    std::string answer;
    char buffer[256];
    for (ssize_t count; (count = recv(client, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(count));
    }
    close(client);
    return answer;
  }

  store::testing::TempDir directory;
  std::string path = directory.path() + "/control.sock";
  Signal released;
  ControlServer server{path};
};

TEST_F(Control, AWordIsAnsweredByALine) {
  server.Start();
  EXPECT_EQ(ControlCall::Ask(path, "hello")->text(), "there");
  EXPECT_EQ(Exchange("hello\n"), "ok there\n");
}

TEST_F(Control, WhatFailsIsTold) {
  server.Start();
  EXPECT_THROW(ControlCall::Ask(path, "dance"), Error);
  EXPECT_EQ(Exchange("fail\n"), "error two lines\n");
  EXPECT_EQ(ControlCall::Ask(path, "hello")->text(), "there") << "the others go on";
}

TEST_F(Control, AnEndlessLineIsNotReadToItsEnd) {
  server.Start();
  EXPECT_EQ(Exchange(std::string(100, 'x')), "");
}

TEST_F(Control, WhatIsHeldForACallerEndsWithTheCall) {
  server.Start();
  auto call = ControlCall::Ask(path, "hold");
  EXPECT_EQ(call->text(), "");
  call.reset();
  released.Wait();
}

TEST_F(Control, AStopEndsTheCalls) {
  server.Start();
  auto call = ControlCall::Ask(path, "hello");
  server.Stop();
  call->WaitForEnd(60'000);
}

TEST_F(Control, OnlyTheOwnerMayConnect) {
  auto permissions = std::filesystem::status(path).permissions();
  EXPECT_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(Control, ThereIsNoServerWhereNoneRuns) {
  EXPECT_EQ(ControlCall::Ask(directory.path() + "/other.sock", "hello"), nullptr);
}

TEST_F(Control, PathsMayBeLongerThanAnAddress) {
  std::string deep = directory.path() + "/" + std::string(120, 'd');
  std::filesystem::create_directories(deep);
  ControlServer other(deep + "/control.sock");
  other.Add("hello", [] { return ControlReply{.text = "far away"}; });
  other.Start();
  EXPECT_EQ(ControlCall::Ask(deep + "/control.sock", "hello")->text(), "far away");
}

}  // namespace
}  // namespace stampede::app
