# Completion of shipway for PowerShell. It asks the program, and so knows the plan that is found here.
Register-ArgumentCompleter -Native -CommandName shipway -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition -or ($wordToComplete -eq '' -and $_.Extent.EndOffset -le $cursorPosition) } |
        ForEach-Object { $_.ToString() })
    $program = $words[0]
    $before = @($words | Select-Object -Skip 1)
    & $program complete "--current=$wordToComplete" -- @before 2>$null | ForEach-Object {
        # Without an answer PowerShell offers paths by itself.
        if ($_ -notmatch '^:') {
            $value, $about = $_ -split "`t", 2
            if (-not $about) { $about = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
        }
    }
}
