/* System management mode, with long mode. */
#define WIDTH "64"
#define SAVED_IP "0xff78"
#define SAVED_AX "0xfff8"
#define SAVED_SMBASE "0xff00"
#define SAVED_HALT "0xfec9"
#define REVISION 0x20064
#include "smm.h"
