#include "codec/crypto.h"

#include <argon2.h>
#include <gtest/gtest.h>

#include "codec/hex.h"

namespace stampede::codec {
namespace {

TEST(Sha256, MatchesTheVectorsOfItsStandard) {  // FIPS 180-4 examples
  EXPECT_EQ(HexEncode(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(Sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Password, VerifiesOnlyTheSamePassword) {
  SeededRandom random(1);
  std::string hash = HashPassword("correct horse", random, kCheapPasswordCost);
  EXPECT_TRUE(VerifyPassword(hash, "correct horse"));
  EXPECT_FALSE(VerifyPassword(hash, "correct horsE"));
  EXPECT_FALSE(VerifyPassword(hash, ""));
}

TEST(Password, CarriesItsCostAndAFreshSalt) {
  SeededRandom random(1);
  std::string first = HashPassword("alice", random), second = HashPassword("alice", random);
  EXPECT_TRUE(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << first;
  EXPECT_NE(first, second);
  EXPECT_TRUE(VerifyPassword(second, "alice"));
}

TEST(Password, AHashOfAnotherKindNeverVerifies) {
  for (const char* hash : {"", "alice", "$argon2id$", "$2a$10$abcdefghijklmnopqrstuv"}) {
    EXPECT_FALSE(VerifyPassword(hash, "alice")) << hash;
  }
}

TEST(Password, TheHashOfNoPasswordIsWellFormedAndNeverVerifies) {
  SeededRandom random(1);
  std::string real = HashPassword("alice", random), nobodys = HashOfNoPassword(random);
  EXPECT_EQ(nobodys.size(), real.size());
  EXPECT_EQ(nobodys.substr(0, 31), real.substr(0, 31));
  EXPECT_FALSE(VerifyPassword(nobodys, "alice"));
  // ARGON2_VERIFY_MISMATCH: it was computed and compared, not refused as malformed.
  EXPECT_EQ(argon2id_verify(nobodys.c_str(), "alice", 5), ARGON2_VERIFY_MISMATCH);
}

TEST(ConstantTimeEqual, ComparesBytes) {
  EXPECT_TRUE(ConstantTimeEqual("", ""));
  EXPECT_TRUE(ConstantTimeEqual("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "ab"));
}

}  // namespace
}  // namespace stampede::codec
