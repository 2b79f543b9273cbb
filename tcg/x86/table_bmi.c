/*
 * Decode table: integer instructions of BMI1, BMI2 and ADX (Intel SDM vol. 2). LZCNT, TZCNT and
 * MOVBE stand with the other integer instructions.
 */
#include "tcg/x86/decode.h"
#include "tcg/x86/translate_int.h"

/* clang-format off */
#define VEX_GPR(R, map, opc, sel, name, fn, ops_, feat, ...) \
    R(map, opc, opc, VEX_L0 | (sel), name, fn, ops_, .flags = I_W64, .feature = FEAT_##feat, __VA_ARGS__)
#define RESULT_FLAGS .fl_write = FL_C | FL_O | FL_Z | FL_S, .fl_undef = FL_A | FL_P
#define BLS(R, n, name) \
    VEX_GPR(R, MAP_V0F38, 0xf3, P_NP | REG_IS(n), name, tr_bls, OPS(By, Ey), BMI1, .arg = (n), RESULT_FLAGS)

#define ROWS(R) \
    VEX_GPR(R, MAP_V0F38, 0xf2, P_NP, "andn", tr_andn, OPS(Gy, By, Ey), BMI1, RESULT_FLAGS) \
    BLS(R, 1, "blsr") \
    BLS(R, 2, "blsmsk") \
    BLS(R, 3, "blsi") \
    VEX_GPR(R, MAP_V0F38, 0xf5, P_NP, "bzhi", tr_bzhi, OPS(Gy, Ey, By), BMI2, RESULT_FLAGS) \
    VEX_GPR(R, MAP_V0F38, 0xf5, P_F3, "pext", tr_pdep_pext, OPS(Gy, By, Ey), BMI2, .arg = IR_PEXT) \
    VEX_GPR(R, MAP_V0F38, 0xf5, P_F2, "pdep", tr_pdep_pext, OPS(Gy, By, Ey), BMI2, .arg = IR_PDEP) \
    VEX_GPR(R, MAP_V0F38, 0xf6, P_F2, "mulx", tr_mulx, OPS(Gy, By, Ey), BMI2, ) \
    VEX_GPR(R, MAP_V0F38, 0xf7, P_NP, "bextr", tr_bextr, OPS(Gy, Ey, By), BMI1, .fl_write = FL_C | FL_O | FL_Z, .fl_undef = FL_A | FL_S | FL_P) \
    VEX_GPR(R, MAP_V0F38, 0xf7, P_66, "shlx", tr_shiftx, OPS(Gy, Ey, By), BMI2, .arg = IR_SHL) \
    VEX_GPR(R, MAP_V0F38, 0xf7, P_F3, "sarx", tr_shiftx, OPS(Gy, Ey, By), BMI2, .arg = IR_SAR) \
    VEX_GPR(R, MAP_V0F38, 0xf7, P_F2, "shrx", tr_shiftx, OPS(Gy, Ey, By), BMI2, .arg = IR_SHR) \
    VEX_GPR(R, MAP_V0F3A, 0xf0, P_F2, "rorx", tr_rorx, OPS(Gy, Ey, Ib), BMI2, ) \
    R(MAP_0F38, 0xf6, 0xf6, P_66, "adcx", tr_adx, OPS(Gy, Ey), .flags = I_W64, .feature = FEAT_ADX, .fl_read = FL_C, .fl_write = FL_C) \
    R(MAP_0F38, 0xf6, 0xf6, P_F3, "adox", tr_adx, OPS(Gy, Ey), .flags = I_W64, .feature = FEAT_ADX, .arg = 1, .fl_read = FL_O, .fl_write = FL_O)
/* clang-format on */

X86_ROW_TABLE(x86_table_bmi, ROWS)
