// The public weight files that monge knows. Sizes and SHA-256 were compared with at least two independent publications,
// and those of the heads and of the repacked trunks with the files themselves.
#include "monge/eval/weights.h"

namespace monge::eval {

const std::vector<Weights>& known_weights() {
  static const std::string heads =
      "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/";
  static const std::string trunks = "https://download.pytorch.org/models/";
  static const std::vector<Weights> out{
      {.name = "inception",
       .purpose = "FID and KID: Inception v3 of 2015-12-05",
       .licence = "Apache-2.0",
       .url =
           "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
       .files = {{"pt_inception-2015-12-05-6726825d.pth", 95628359,
                  "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"},
                 // The same file as torch-fidelity names it.
                 {"weights-inception-2015-12-05-6726825d.pth", 95628359,
                  "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"}}},
      {.name = "lpips-alex",
       .purpose = "LPIPS v0.1 heads on AlexNet",
       .licence = "BSD-2-Clause",
       .url = heads + "alex.pth",
       .files = {{"alex.pth", 6009, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"}},
       .needs = {"alexnet"}},
      {.name = "alexnet",
       .purpose = "LPIPS trunk: AlexNet on ImageNet",
       .licence = "BSD-3-Clause",
       .url = trunks + "alexnet-owt-7be5be79.pth",
       .files = {{"alexnet-owt-7be5be79.pth", 244408911,
                  "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"},
                 // Only the convolutions, saved again.
                 {"alexnet_features_torchvision.pth", 9883221,
                  "e7811f103c38dc40d3c27045f43ff813616076608a4dfa7af0b169dcdb13fa52"}}},
      {.name = "lpips-squeeze",
       .purpose = "LPIPS v0.1 heads on SqueezeNet",
       .licence = "BSD-2-Clause",
       .url = heads + "squeeze.pth",
       .files = {{"squeeze.pth", 10811, "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"}},
       .needs = {"squeezenet1_1"}},
      {.name = "squeezenet1_1",
       .purpose = "LPIPS trunk: SqueezeNet 1.1 on ImageNet",
       .licence = "BSD-3-Clause",
       .url = trunks + "squeezenet1_1-b8a52dc0.pth",
       .files = {{"squeezenet1_1-b8a52dc0.pth", 4958839,
                  "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b"},
                 {"squeezenet1_1_features_torchvision.pth", 2907317,
                  "a0fd43c159f61312b11e1f8e3b57acfc80c7382287fd52cf8fcd40e4ca0e4fd7"}}},
      {.name = "lpips-vgg",
       .purpose = "LPIPS v0.1 heads on VGG16",
       .licence = "BSD-2-Clause",
       .url = heads + "vgg.pth",
       .files = {{"vgg.pth", 7289, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"}},
       .needs = {"vgg16"}},
      {.name = "vgg16",
       .purpose = "LPIPS trunk: VGG16 on ImageNet",
       .licence = "BSD-3-Clause",
       .url = trunks + "vgg16-397923af.pth",
       .files = {{"vgg16-397923af.pth", 553433881, "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"},
                 {"vgg16_features_torchvision.pth", 58867829,
                  "2a200f1a282b5c12b4d8324b24e3d4cde7cd751f7d709b85994db9621a3139c9"}}},
  };
  return out;
}

}  // namespace monge::eval
