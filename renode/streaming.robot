*** Comments ***
A stateful model carries its state from inference to inference, until a reset.

*** Settings ***
Resource            firmware.resource

*** Test Cases ***
State Is Carried And Reset
    ${vectors}=    Load Vectors    streaming
    ${input}=    Set Variable    ${vectors}[inputs][0]
    Boot    streaming    disco_f407vg
    ${first}=    Run    ${input}
    Should Be Equal    ${first}[output]    ${vectors}[outputs][0]
    ${second}=    Run    ${input}
    Should Not Be Equal    ${second}[output]    ${first}[output]
    Reset
    ${again}=    Run    ${input}
    Should Be Equal    ${again}[output]    ${first}[output]

A Stateless Model Has No State
    ${vectors}=    Load Vectors    hmd
    Boot    hmd    disco_f407vg
    ${first}=    Run    ${vectors}[inputs][0]
    ${again}=    Run    ${vectors}[inputs][0]
    Should Be Equal    ${again}[output]    ${first}[output]
