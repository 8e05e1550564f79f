*** Comments ***
Outputs equal the committed vectors bit for bit, within the committed number of instructions.
Vectors of another folder: --variable VECTORS:FOLDER

*** Settings ***
Resource            firmware.resource
Test Template       Outputs And Instructions Are As Committed

*** Variables ***
${VECTORS}          ${EMPTY}

*** Test Cases ***                  MODEL            BOARD
HMD on STM32F407                    hmd              disco_f407vg
Stacked LMF on STM32F407            lmf_stacked      disco_f407vg
Streaming HMD on STM32F407          streaming        disco_f407vg
Streaming HMD on STM32F446          streaming        nucleo_f446re
Streaming HMD on STM32F746          streaming        disco_f746ng

*** Keywords ***
Outputs And Instructions Are As Committed
    [Arguments]    ${model}    ${board}
    ${vectors}=    Load Vectors    ${model}    ${VECTORS}
    Boot    ${model}    ${board}
    Reset
    FOR    ${input}    ${output}    IN ZIP    ${vectors}[inputs]    ${vectors}[outputs]
        ${run}=    Run    ${input}
        Should Be Equal    ${run}[output]    ${output}
        Check Budget    ${run}[cycles]    ${vectors}[instructions][${board}]
    END
