#include "monge/core/user_words.h"

#include <gtest/gtest.h>

namespace monge {
namespace {

TEST(UserWords, AreTheLibrarysNamesUnlessAProgramHasOthers) {
  EXPECT_EQ(user_word("PackOptions::split"), "PackOptions::split");
  set_user_words({{"PackOptions::split", "--split"}});
  EXPECT_EQ(user_word("PackOptions::split"), "--split");
  EXPECT_EQ(user_word("PackOptions::select"), "PackOptions::select");
  set_user_words({});
  EXPECT_EQ(user_word("PackOptions::split"), "PackOptions::split");
}

}  // namespace
}  // namespace monge
