#pragma once

namespace stampede::media {

// Bounds this process for good: 1 GiB of address space, 20 s of CPU, no bytes into files, no core
// dump, few descriptors. False if the system refuses.
bool LimitResources();

// Takes away, by seccomp (man 2 seccomp), what decoding a picture does not need: sockets, starting
// programs, opening files for writing, changing the file system, signals to others. They fail with
// EPERM from now on. False if the system has no seccomp; then nothing has changed.
bool DropSystemCalls();

}  // namespace stampede::media
