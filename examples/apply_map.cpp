// Applies a trained map to a file or folder: apply_map MODEL IN OUT
#include <iostream>

#include "monge/monge.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: apply_map MODEL IN OUT\n";
    return 2;
  }
  try {
    const auto result = monge::Model::load(argv[1]).translate(argv[2], argv[3]);
    std::cout << result.items << " items written to " << argv[3] << "\n";
  } catch (const monge::Error& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
